import type { AttemptRecord } from '../../src/types/delivery';
import { answer, bytes, drip, type Fault } from './fault-upstream';

/** One way in which an upstream can answer or fail, and what must be made of it. */
export interface FaultRow {
  readonly name: string;
  readonly fault: Fault;
  readonly listens?: 'tls';
  readonly url?: (port: number) => string;
  readonly record: Pick<AttemptRecord, 'outcome' | 'httpStatus' | 'possibleDuplicate'> & { readonly error: unknown };
  readonly status: 'pending' | 'dead' | 'delivered';
  /** `failed`: each attempt counts against it; `patient`: none does, but it is paused; `tripped`: by one answer; `held`: by the answers to three events. */
  readonly circuit: 'fine' | 'failed' | 'patient' | 'tripped' | 'held';
  /** For how long the destination is left alone. */
  readonly pauseMs?: number;
  /** False where no request may reach it. */
  readonly isAsked?: false;
}

const ACCEPTED = '{"status":"accepted"}';
const HOUR_MS = 3_600_000;
const ok = (rest: string) => `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${rest}`;

function retryable(error: unknown, possibleDuplicate: AttemptRecord['possibleDuplicate'], httpStatus?: number) {
  const record = { outcome: 'retryable', httpStatus: httpStatus ?? null, error, possibleDuplicate } as const;
  return { record, status: 'pending', circuit: 'failed' } as const;
}

/** Nothing was sent. */
const unsent = (error: unknown) => ({ ...retryable(error, null), isAsked: false }) as const;
const unreadable = () => retryable('answer_unreadable', 'answer_unreadable', 200);
const asksAgain = (status: number) => retryable(`http_${String(status)}`, null, status);

const delivered = (httpStatus: number) =>
  ({
    record: { outcome: 'delivered', httpStatus, error: null, possibleDuplicate: null },
    status: 'delivered',
    circuit: 'fine',
  }) as const;

const rejected = (httpStatus: number) =>
  ({
    record: { outcome: 'rejected', httpStatus, error: `http_${String(httpStatus)}`, possibleDuplicate: null },
    status: 'dead',
    circuit: 'fine',
  }) as const;

const held = (httpStatus: number, circuit: 'tripped' | 'held') =>
  ({
    record: { outcome: 'held', httpStatus, error: `http_${String(httpStatus)}`, possibleDuplicate: null },
    status: 'pending',
    circuit,
  }) as const;

const asksPatience = (status: number, retryAfter: string, pauseMs: number): Omit<FaultRow, 'name'> => ({
  ...asksAgain(status),
  fault: answer(status, '', { 'Retry-After': retryAfter }),
  circuit: status === 429 ? 'patient' : 'failed',
  pauseMs,
});

const https = (port: number) => `https://127.0.0.1:${String(port)}/`;

const unreachable: FaultRow[] = [
  // A port that was free a moment ago may be another test's by now; on this one nothing listens.
  { name: 'refused', fault: {}, url: () => 'http://127.0.0.1:1/', ...unsent('ECONNREFUSED') },
  {
    name: 'no such name',
    fault: {},
    // How soon the resolver says so is not ours to say.
    url: () => 'http://sluice.invalid/',
    ...unsent(expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN|attempt_timeout)$/)),
  },
  {
    name: 'a certificate that nobody signed',
    fault: answer(202, ACCEPTED),
    listens: 'tls',
    url: https,
    ...unsent('DEPTH_ZERO_SELF_SIGNED_CERT'),
  },
  {
    name: 'no TLS there',
    fault: { arrived: (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') },
    url: https,
    ...unsent(expect.stringMatching(/^(EPROTO|ERR_SSL_\w+)$/)),
  },
  {
    name: 'TLS handshake dropped',
    fault: { arrived: (socket) => void socket.once('data', () => socket.resetAndDestroy()) },
    url: https,
    ...unsent('ECONNRESET'),
  },
  {
    name: 'TLS handshake hangs',
    fault: { arrived: (socket) => void socket.resume() },
    url: https,
    ...unsent('attempt_timeout'),
  },
];

const broken: FaultRow[] = [
  {
    name: 'reset before reading',
    // A moment later, so that the client has seen the connection stand.
    fault: { arrived: (socket) => void setTimeout(() => socket.resetAndDestroy(), 50) },
    isAsked: false,
    ...retryable(expect.stringMatching(/^(ECONNRESET|EPIPE)$/), 'answer_lost'),
  },
  {
    name: 'reset after reading',
    fault: { asked: (socket) => void socket.resetAndDestroy() },
    ...retryable('ECONNRESET', 'answer_lost'),
  },
  {
    name: 'closed without an answer',
    fault: { asked: (socket) => void socket.end() },
    ...retryable('ECONNRESET', 'answer_lost'),
  },
  { name: 'hang', fault: {}, ...retryable('attempt_timeout', 'answer_late') },
  {
    name: 'hang after the head',
    fault: bytes(ok('Content-Length: 21\r\n\r\n')),
    ...retryable('attempt_timeout', 'answer_late'),
  },
  {
    name: 'drip of a body',
    fault: drip(ok('Content-Length: 100000\r\n\r\n'), ' '),
    ...retryable('attempt_timeout', 'answer_late'),
  },
  {
    name: 'drip of a head',
    fault: drip('HTTP/1.1 200 OK\r\n', 'X-More: 1\r\n'),
    ...retryable('attempt_timeout', 'answer_late'),
  },
  {
    name: 'cut short',
    fault: bytes(ok(`Content-Length: 100\r\n\r\n${ACCEPTED}`), 'end'),
    ...retryable('answer_cut', 'answer_cut'),
  },
  {
    name: 'cut between chunks',
    fault: bytes(ok(`Transfer-Encoding: chunked\r\n\r\n15\r\n${ACCEPTED}\r\n`), 'end'),
    ...retryable('answer_cut', 'answer_cut'),
  },
  {
    name: 'reset within the body',
    fault: bytes(ok('Content-Length: 100\r\n\r\n{'), 'reset'),
    ...retryable('answer_cut', 'answer_cut'),
  },
  {
    name: 'oversized',
    fault: answer(200, `{"status":"accepted","more":"${'x'.repeat(3 * 1024 * 1024)}"}`),
    ...retryable('answer_too_large', 'answer_cut'),
  },
  {
    name: 'an endless head',
    fault: bytes(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(100_000)}`),
    ...retryable('answer_garbled', 'answer_unreadable'),
  },
  {
    name: 'no HTTP at all',
    fault: bytes('220 mail.example ESMTP\r\n\r\n'),
    ...retryable('answer_garbled', 'answer_unreadable'),
  },
  {
    name: 'a chunk of no size',
    fault: bytes(ok('Transfer-Encoding: chunked\r\n\r\nzz\r\n')),
    ...retryable('answer_garbled', 'answer_unreadable'),
  },
  {
    name: 'more bytes than announced',
    fault: bytes(ok(`Content-Length: 21\r\n\r\n${ACCEPTED}????`)),
    ...retryable('answer_garbled', 'answer_unreadable'),
  },
];

const unclear: FaultRow[] = [
  { name: 'HTML labelled JSON', fault: answer(200, '<html><body>Sign in</body></html>'), ...unreadable() },
  { name: '200 with an error', fault: answer(200, '{"error":"invalid_payload"}'), ...unreadable() },
  { name: '200 with half of a JSON', fault: answer(200, '{"status":"acc'), ...unreadable() },
  {
    name: '200 with a compressed body, unasked',
    fault: answer(200, '\u001f\u008b\u0008\u0000', { 'Content-Encoding': 'gzip' }),
    ...unreadable(),
  },
];

const taken: FaultRow[] = [
  { name: '202', fault: answer(202, ACCEPTED), ...delivered(202) },
  { name: '204', fault: bytes('HTTP/1.1 204 No Content\r\n\r\n'), ...delivered(204) },
  {
    name: '200 after 103',
    fault: bytes(`HTTP/1.1 103 Early Hints\r\n\r\n${ok('Content-Length: 0\r\n\r\n')}`),
    ...delivered(200),
  },
  { name: '200 until the end of the connection', fault: bytes(ok(`\r\n${ACCEPTED}`), 'end'), ...delivered(200) },
  { name: '409, "already have it"', fault: answer(409, '{"error":"duplicate"}'), ...delivered(409) },
];

const refused: FaultRow[] = [400, 404, 405, 413, 418, 422].map((status) => ({
  name: String(status),
  fault: answer(status, '{"error":"invalid_payload"}'),
  ...rejected(status),
}));

/** `elsewhere` is a server that nothing may ever ask. */
const redirects = (elsewhere: string): FaultRow[] =>
  [301, 302, 303, 307, 308].flatMap((status) =>
    ['/', elsewhere].map((location) => ({
      name: `${String(status)} to ${location === '/' ? 'itself' : 'elsewhere'}`,
      fault: answer(status, '', { Location: location }),
      ...rejected(status),
    })),
  );

const heldBack: FaultRow[] = [
  { name: '401', fault: answer(401, '{"error":"unauthorized"}'), ...held(401, 'tripped') },
  { name: '403', fault: answer(403), ...held(403, 'tripped') },
  { name: '410', fault: answer(410), ...held(410, 'held') },
];

/** Made when they are wanted: one of them names a date. */
const later = (): FaultRow[] => [
  ...[408, 425, 429, 500, 502, 503, 504].map((status) => ({
    name: String(status),
    fault: answer(status, '{"error":"upstream_error"}'),
    ...asksAgain(status),
  })),
  { name: '429 with seconds', ...asksPatience(429, '120', 120_000) },
  { name: '429 with a date', ...asksPatience(429, new Date(Date.now() + 1_800_000).toUTCString(), 1_800_000) },
  { name: '429 with a year', ...asksPatience(429, '31536000', HOUR_MS) },
  { name: '429 with more than fits a timer', ...asksPatience(429, '99999999999999999999', HOUR_MS) },
  { name: '503 with seconds', ...asksPatience(503, '90', 90_000) },
  { name: '429 with garbage', fault: answer(429, '', { 'Retry-After': 'soon' }), ...asksAgain(429) },
  { name: '503 with less than nothing', fault: answer(503, '', { 'Retry-After': '-5' }), ...asksAgain(503) },
];

/** Every row, by kind; given the address of a server to which nothing may be redirected. */
export const faultRows: Readonly<Record<string, (elsewhere: string) => readonly FaultRow[]>> = {
  'what cannot be reached': () => unreachable,
  'answers that are lost, late, cut or garbled': () => broken,
  '2xx that says no, or nothing': () => unclear,
  '2xx that says yes': () => taken,
  'refusals of the event': () => refused,
  'redirects, never followed': redirects,
  'refusals of us': () => heldBack,
  'a plea for later': later,
};
