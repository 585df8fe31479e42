import type { Destination, UpstreamAnswer } from '../../interfaces/destination';
import { readAnswer } from './read-answer';

const NOW = Date.parse('2026-01-01T00:00:00Z');

const destination = {
  contract: { conflictMeansDelivered: true },
  isAccepted: (body: Buffer) => body.toString() === '{"status":"accepted"}',
} as Destination;

const response = (status: number, body = '', headers: Record<string, string> = {}): UpstreamAnswer => ({
  kind: 'response',
  status,
  headers,
  body: Buffer.from(body),
});

const failure = (code: string, mayHaveBeenProcessed: boolean): UpstreamAnswer => ({
  kind: 'failure',
  code,
  mayHaveBeenProcessed,
});

const retryable = (possibleDuplicate: string | null = null, retryAfterMs: number | null = null) => ({
  kind: 'retryable',
  retryAfterMs,
  possibleDuplicate,
});

test.each<[string, UpstreamAnswer, object]>([
  ['refused', failure('ECONNREFUSED', false), retryable()],
  ['a reset', failure('ECONNRESET', true), retryable('answer_lost')],
  ['a time-out', failure('attempt_timeout', true), retryable('answer_late')],
  ['a cut answer', failure('answer_cut', true), retryable('answer_cut')],
  ['an oversized answer', failure('answer_too_large', true), retryable('answer_cut')],
  ['an answer that is no HTTP', failure('answer_garbled', true), retryable('answer_unreadable')],
  ['our own stop', failure('shutdown', true), retryable('shutdown')],
  ['202 as the contract has it', response(202, '{"status":"accepted"}'), { kind: 'delivered' }],
  ['200 with HTML', response(200, '<html>'), retryable('answer_unreadable')],
  ['a redirect', response(302, '', { location: '/' }), { kind: 'rejected', reason: 'rejected' }],
  ['400', response(400), { kind: 'rejected', reason: 'rejected' }],
  ['404', response(404), { kind: 'rejected', reason: 'rejected' }],
  ['413', response(413), { kind: 'rejected', reason: 'rejected' }],
  ['422', response(422), { kind: 'rejected', reason: 'rejected' }],
  ['418', response(418), { kind: 'rejected', reason: 'rejected' }],
  ['401', response(401), { kind: 'held', until: 'probe' }],
  ['403', response(403), { kind: 'held', until: 'probe' }],
  ['409 that means "already have it"', response(409), { kind: 'delivered' }],
  ['410', response(410), { kind: 'held', until: 'operator' }],
  ['408', response(408), retryable()],
  ['425', response(425), retryable()],
  ['429 with seconds', response(429, '', { 'retry-after': '2' }), retryable(null, 2_000)],
  ['429 with a date', response(429, '', { 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }), retryable(null, 5_000)],
  ['429 with garbage', response(429, '', { 'retry-after': 'soon' }), retryable()],
  ['429 that asks for a year', response(429, '', { 'retry-after': '31536000' }), retryable(null, 3_600_000)],
  ['500', response(500), retryable()],
  ['503 with seconds', response(503, '', { 'retry-after': '7' }), retryable(null, 7_000)],
])('%s', (_name, answer, outcome) => {
  expect(readAnswer(answer, destination, NOW).outcome).toEqual(outcome);
});

test('a refusal is retried where the destination says so, and only that one', () => {
  const patient = { ...destination, contract: { ...destination.contract, alsoRetry: [404] } } as Destination;
  expect(readAnswer(response(404, '', { 'retry-after': '5' }), patient, NOW)).toMatchObject({
    outcome: { kind: 'retryable', retryAfterMs: 5_000, possibleDuplicate: null },
    error: 'http_404',
  });
  expect(readAnswer(response(405), patient, NOW).outcome).toEqual({ kind: 'rejected', reason: 'rejected' });
  expect(readAnswer(response(401), patient, NOW).outcome).toEqual({ kind: 'held', until: 'probe' });
});

test.each([
  ['answer_cut', 'answer_cut'],
  ['answer_too_large', 'answer_cut'],
  ['answer_garbled', 'answer_unreadable'],
  ['coding_broken', 'answer_unreadable'],
  ['attempt_timeout', 'answer_late'],
  ['shutdown', 'shutdown'],
] as const)('a 2xx of which the body is lost by %s is no yes, unless the status alone is one', (bodyFault, reason) => {
  const answer: UpstreamAnswer = { kind: 'response', status: 200, headers: {}, body: Buffer.alloc(0), bodyFault };
  const reader = { ...destination, isAccepted: (body: Buffer | null) => body !== null } as Destination;
  expect(readAnswer(answer, reader, NOW)).toEqual({
    outcome: { kind: 'retryable', retryAfterMs: null, possibleDuplicate: reason },
    httpStatus: 200,
    error: bodyFault,
    excerpt: null,
  });
  const webhook = { ...destination, isAccepted: () => true } as unknown as Destination;
  expect(readAnswer(answer, webhook, NOW)).toMatchObject({ outcome: { kind: 'delivered' }, error: null });
  expect(readAnswer({ ...answer, status: 400 }, reader, NOW)).toMatchObject({ outcome: { kind: 'rejected' } });
});

test('409 is a refusal where the contract does not say that it means "already have it"', () => {
  const strict = { ...destination, contract: { conflictMeansDelivered: false } } as Destination;
  expect(readAnswer(response(409), strict, NOW).outcome).toEqual({ kind: 'rejected', reason: 'rejected' });
});

test('keeps the status, a short cause, and at most 500 printable characters of the answer', () => {
  const body = `a\u0000b${'x'.repeat(2_000)}`;
  const reading = readAnswer(response(503, body), destination, NOW);
  expect(reading).toMatchObject({ httpStatus: 503, error: 'http_503' });
  expect(reading.excerpt).toBe(`a b${'x'.repeat(497)}`);
});
