import type { ServerResponse } from 'node:http';

/** Answers with JSON, whole and with its length. */
export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': bytes.length,
    ...headers,
  });
  res.end(bytes);
}

/** Calls `then` after `ms`, or never if the connection is gone by then. */
export function afterDelay(res: ServerResponse, ms: number, then: () => void): void {
  if (ms === 0) {
    then();
    return;
  }
  const timer = setTimeout(then, ms);
  res.once('close', () => clearTimeout(timer));
}
