import type { ServerResponse } from 'node:http';
import { sendJson } from '../json-answer';
import type { Behaviour, RetryAfter } from './behaviour';

/** A call whose body was read, and how the one who answers tells what it did. */
export interface Exchange {
  readonly res: ServerResponse;
  readonly path: string;
  /** The status is about to be sent. */
  onAnswer(status: number): void;
  /** Takes the conversion: returns the body of a 202, or null after having refused it. */
  accept(): Readonly<Record<string, string>> | null;
}

const errorNames: ReadonlyMap<number, string> = new Map([
  [400, 'invalid_payload'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [408, 'timeout'],
  [409, 'conflict'],
  [410, 'gone'],
  [413, 'payload_too_large'],
  [422, 'unprocessable'],
  [429, 'rate_limited'],
]);

function retryAfterHeader(retryAfter: RetryAfter): Record<string, string> {
  if (retryAfter.form === 'none') return {};
  if (retryAfter.form === 'garbage') return { 'Retry-After': 'soon-ish' };
  const { form, seconds } = retryAfter;
  const value = form === 'date' ? new Date(Date.now() + seconds * 1000).toUTCString() : String(seconds);
  return { 'Retry-After': value };
}

/** Answers a failure with the body that AdEventsX gives it. */
export function sendFailure(exchange: Exchange, status: number, retryAfter: RetryAfter = { form: 'none' }): void {
  const error = errorNames.get(status) ?? (status >= 500 ? 'upstream_error' : 'error');
  const seconds = 'seconds' in retryAfter ? retryAfter.seconds : 2;
  const body = status === 429 ? { error, retry_after: seconds } : { error };
  exchange.onAnswer(status);
  sendJson(exchange.res, status, body, retryAfterHeader(retryAfter));
}

function begin(exchange: Exchange, status: number, headers: Readonly<Record<string, string | number>>): ServerResponse {
  exchange.onAnswer(status);
  return exchange.res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers });
}

function drip(exchange: Exchange, text: string, everyMs: number): void {
  const res = begin(exchange, 202, { 'Content-Length': text.length });
  res.flushHeaders();
  let sent = 0;
  const timer = setInterval(() => {
    res.write(text[sent]);
    sent += 1;
    if (sent === text.length) res.end();
  }, everyMs);
  const stop = (): void => clearInterval(timer);
  res.once('finish', stop).once('close', stop);
}

/** Declares a longer body than it sends, then closes the connection. */
function cutShort(exchange: Exchange, text: string): void {
  const res = begin(exchange, 202, { 'Content-Length': text.length + 100 });
  res.write(text, () => res.destroy());
}

/**
 * Valid JSON of `mebibytes` MiB. The same MiB is sent repeatedly, so a slow client costs no memory.
 */
function sendOversize(exchange: Exchange, body: Readonly<Record<string, string>>, mebibytes: number): void {
  const head = `${JSON.stringify(body).slice(0, -1)},"padding":"`;
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  const res = begin(exchange, 202, { 'Content-Length': head.length + mebibytes * chunk.length + 2 });
  res.write(head);
  for (let sent = 0; sent < mebibytes; sent += 1) res.write(chunk);
  res.end('"}');
}

/** Sends bytes that are not HTTP, then closes the connection. */
function sendGarbage({ res }: Exchange): void {
  res.socket?.end('\u0000\u0001 this is not HTTP \r\n\r\n');
}

function sendRedirect(exchange: Exchange, status: number, location: string | null): void {
  begin(exchange, status, { Location: location ?? exchange.path, 'Content-Length': 0 }).end();
}

function sendPage(exchange: Exchange): void {
  const page = '<!doctype html><html><body><h1>Service temporarily unavailable</h1></body></html>';
  begin(exchange, 200, { 'Content-Length': page.length }).end(page);
}

function sendErrorBody(exchange: Exchange): void {
  exchange.onAnswer(200);
  sendJson(exchange.res, 200, { error: 'upstream_error' });
}

/** Behaviours that take a valid conversion and refuse a faulty one. */
function performAccepting(behaviour: Behaviour, exchange: Exchange): void {
  const body = exchange.accept();
  if (body === null) return;
  switch (behaviour.kind) {
    case 'drip':
      return drip(exchange, JSON.stringify(body), behaviour.everyMs);
    case 'cut':
      return cutShort(exchange, JSON.stringify(body));
    case 'oversize':
      return sendOversize(exchange, body, behaviour.mebibytes);
    case 'lost-answer':
      exchange.res.socket?.resetAndDestroy();
      return;
    default:
      exchange.onAnswer(202);
      sendJson(exchange.res, 202, body);
  }
}

/**
 * Does to a call whose body was read what the behaviour says. Delays have passed; `reset-before`
 * never comes here.
 */
export function perform(behaviour: Behaviour, exchange: Exchange): void {
  switch (behaviour.kind) {
    case 'status':
      return sendFailure(exchange, behaviour.status, behaviour.retryAfter);
    case 'hang':
      return;
    case 'reset-before':
    case 'reset-after':
      exchange.res.socket?.resetAndDestroy();
      return;
    case 'garbage':
      return sendGarbage(exchange);
    case 'html':
      return sendPage(exchange);
    case 'error-body':
      return sendErrorBody(exchange);
    case 'empty':
      begin(exchange, 200, { 'Content-Length': 0 }).end();
      return;
    case 'redirect':
      return sendRedirect(exchange, behaviour.status, behaviour.location);
    case 'delay':
      return perform(behaviour.then, exchange);
    default:
      return performAccepting(behaviour, exchange);
  }
}
