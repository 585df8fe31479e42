import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * What becomes of a body that is still on its way when its request is answered: refused, most
 * often. To close the connection at once would reset it under a client that is still sending, and
 * most clients then never see the answer. So the rest is read and dropped, for a while.
 */

/** As long as a body that is wanted may take. */
const REST_MS = 30_000;

/**
 * Several times the largest body that is wanted anywhere: whoever sends more does not listen.
 * Looked at every second.
 */
const REST_BYTES_MAX = 32 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;

/**
 * The answers to clients that hold their body back until they are asked for it (`Expect:
 * 100-continue`, RFC 9110, section 10.1.1).
 */
const waitingForWord = new WeakSet<ServerResponse>();

/**
 * For a client that asks first. Only what is posted is read, and only there it matters who may come
 * in; all others hear it at once.
 */
export function holdBody({ method }: IncomingMessage, response: ServerResponse): void {
  waitingForWord.add(response);
  if (method !== 'POST') inviteBody(response);
}

/** Called by whoever is about to read the body. */
export function inviteBody(response: ServerResponse): void {
  if (waitingForWord.delete(response)) response.writeContinue();
}

/**
 * Sends a refusal, and closes the connection, where it must be closed, only after the body is here.
 * `isUrgent`: nothing is waited for.
 */
export function endEarly(request: IncomingMessage, response: ServerResponse, text: string, isUrgent: boolean): void {
  if (waitingForWord.has(response)) {
    // Whether the body comes now is the client's choice, so no further request could be told from
    // it.
    response.setHeader('Connection', 'close');
    response.end(text);
    return;
  }
  const isClosing = !response.shouldKeepAlive || response.getHeader('Connection') === 'close';
  if (!isClosing || request.complete || isUrgent) {
    response.end(text);
    return;
  }
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.write(text);
  dropRest(request, () => response.end());
}

/**
 * For an answer that has ended: drops what still comes of the request's body, and then its sender
 * too.
 */
export function limitRest(request: IncomingMessage): void {
  if (!request.complete && !request.socket.destroyed) dropRest(request, () => undefined);
}

function dropRest(request: IncomingMessage, done: () => void): void {
  const { socket } = request;
  const readBefore = socket.bytesRead;
  let leftMs = REST_MS;
  const timer = setInterval(() => {
    leftMs -= LOOK_EVERY_MS;
    if (leftMs <= 0 || socket.bytesRead - readBefore > REST_BYTES_MAX) socket.destroy();
  }, LOOK_EVERY_MS);
  timer.unref();
  const stop = (): void => {
    clearInterval(timer);
    socket.off('close', stop);
    done();
  };
  request.once('end', stop);
  socket.once('close', stop);
  request.resume();
}
