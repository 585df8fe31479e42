import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';

import { AppError } from '../errors';
import { toProblem } from './handle-error';

interface ProtocolError extends Error {
  readonly code?: string;
}

/** Of a socket of node's HTTP server: the answer that it is in the middle of. */
interface ServerSocket extends Duplex {
  readonly _httpMessage?: { readonly headersSent: boolean } | null;
}

function toAppError({ code }: ProtocolError): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new AppError('headers_too_large', 'The headers are larger than 16 KiB.');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new AppError('request_timeout', 'The headers were not here within 10 s.');
  }
  return new AppError('invalid_request', 'This is not HTTP/1.1 as RFC 9112 has it.');
}

/** Answers what node's HTTP parser refuses, in the form of every other error, and ends the connection. For the server's `clientError`. */
export function answerProtocolError(error: ProtocolError, socket: ServerSocket): void {
  const isAnswered = socket._httpMessage?.headersSent === true;
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswered) {
    socket.destroy();
    return;
  }
  const problem = toProblem(toAppError(error), randomUUID());
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${problem.instance}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
