import { seededRandom } from './seeded-random';

/** Makes hostile bodies and requests; the same seed makes the same ones. */

/** Texts that some layer between here and an upstream may take for something else. */
const STRINGS = [
  '',
  ' ',
  '\0',
  '\ud800',
  '\udfff\ud800',
  '\u202e',
  '\ufeff',
  '\u2028',
  '%00',
  '%s%n',
  '..',
  '../../../etc/passwd',
  '${jndi:ldap://127.0.0.1/a}',
  '{{7*7}}',
  "' OR 1=1 --",
  '"; DROP TABLE events; --',
  '<script>alert(1)</script>',
  '\r\nX-Injected: yes',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'then',
  '1e400',
  'NaN',
  '-0',
  '9'.repeat(400),
  'a'.repeat(70_000),
  'é'.normalize('NFD'),
  '𝕒',
  '🏳️‍🌈',
];

const KEYS = [
  'event_id',
  'eventId',
  'user_id',
  'userId',
  'event_name',
  'event_time',
  'event_time_epoch',
  'value',
  'currency',
  'campaign_id',
  'properties',
  'deliver_at',
  'events',
  'clientId',
  'clientSecret',
  'grant_type',
  'user_id ',
  'name',
  '__proto__',
  'constructor',
  'prototype',
  '',
];

/** Written as JSON texts, because most of them no serializer would write. */
const JSON_EDGES = [
  '',
  ' ',
  'nul',
  'NaN',
  'Infinity',
  '-',
  '-0',
  '+1',
  '01',
  '1.',
  '.1',
  '1e',
  '1e400',
  '-1e400',
  '1e-400',
  '0x10',
  '123456789012345678901234567890',
  '"',
  '"\\',
  '"\\u12"',
  '"\\ud800"',
  '"\\ud800\\ud800"',
  '"\u0000"',
  '"\\u0000"',
  "'a'",
  '[',
  ']',
  '[,]',
  '[1,]',
  '{',
  '{,}',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{a:1}',
  '{"a":1,"a":2}',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{}}}',
  '{"a":1}{"a":2}',
  '/* */{}',
  '{}//',
  '\ufeff{}',
  'true false',
];

export class HostileInput {
  private readonly random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  below(limit: number): number {
    return this.random.nextUint32() % limit;
  }

  pick<T>(among: readonly T[]): T {
    return among[this.below(among.length)] as T;
  }

  private value(depth: number): string {
    switch (this.below(depth > 6 ? 4 : 8)) {
      case 0:
        return JSON.stringify(this.pick(STRINGS));
      case 1:
        return this.pick(JSON_EDGES);
      case 2:
        return String((this.random.next() - 0.5) * 10 ** this.below(30));
      case 3:
        return this.pick(['true', 'false', 'null', '""', '{}', '[]', '0', '"purchase"', '"user-1"']);
      case 4:
        return `[${this.list(depth).join(',')}]`;
      case 5:
        return '['.repeat(1 + this.below(40)) + ']'.repeat(1 + this.below(40));
      default:
        return `{${this.list(depth)
          .map((value) => `${JSON.stringify(this.pick(KEYS))}:${value}`)
          .join(',')}}`;
    }
  }

  private list(depth: number): string[] {
    return Array.from({ length: this.below(6) }, () => this.value(depth + 1));
  }

  /** A body: an edge, a random document, noise, or a good event with something done to it. */
  body(good: object): Buffer {
    switch (this.below(5)) {
      case 0:
        return Buffer.from(this.pick(JSON_EDGES));
      case 1:
        return Buffer.from(this.value(0));
      case 2:
        return Buffer.from(Array.from({ length: this.below(300) }, () => this.below(256)));
      case 3: {
        const changed = { ...good, [this.pick(KEYS)]: this.pick(STRINGS) };
        return Buffer.from(JSON.stringify(changed));
      }
      default:
        return this.mangled(Buffer.from(JSON.stringify(good)));
    }
  }

  /** The bytes with some of them changed, doubled, or cut off. */
  mangled(bytes: Buffer): Buffer {
    let result = Buffer.from(bytes);
    for (let change = this.below(4); change >= 0; change -= 1) {
      const at = this.below(Math.max(1, result.length));
      const kind = this.below(4);
      if (kind === 0 && result.length > 0) result[at] = this.below(256);
      if (kind === 1) result = result.subarray(0, at);
      if (kind === 2)
        result = Buffer.concat([result.subarray(0, at), Buffer.from(this.pick(STRINGS)), result.subarray(at)]);
      if (kind === 3) result = Buffer.concat([result, result.subarray(at)]);
    }
    return result;
  }

  /** A raw HTTP request with something wrong in it. */
  rawRequest(): Buffer {
    const method = this.pick([
      'GET',
      'GET',
      'POST',
      'POST',
      'POST',
      'PUT',
      'OPTIONS',
      'TRACE',
      'CONNECT',
      'PRI',
      'get',
      '\0',
      'A'.repeat(5000),
    ]);
    const target = this.pick([
      '/events',
      '/events/%E0',
      '/events/..%2f..',
      'http://127.0.0.1/events',
      '*',
      '//',
      '/\0',
      '/?%',
    ]);
    const version = this.pick([
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.0',
      'HTTP/2.0',
      'HTTP/9.9',
      'http/1.1',
      '',
    ]);
    const headers = Array.from({ length: this.below(4) }, () =>
      this.pick([
        'Host: a',
        'Host: a',
        'Content-Length: 5',
        'Content-Length: -1',
        'Content-Length: 99999999999999999999',
        'Content-Length: 5, 5',
        'Transfer-Encoding: chunked',
        'Transfer-Encoding: chunked, identity',
        'Transfer-Encoding: xchunked',
        'Connection: upgrade\r\nUpgrade: websocket',
        'Expect: 100-continue',
        'Expect: everything',
        'Content-Type: application/json',
        'Content-Encoding: gzip',
        'Authorization: Bearer x',
        `X-Long: ${'x'.repeat(this.below(20_000))}`,
        'Header without colon',
        ': no name',
        ' folded',
        'X-\0: y',
        'X-Forwarded-For: 127.0.0.1',
        'Cookie: a=b; __proto__=c',
      ]),
    );
    const host = this.below(8) === 0 ? '' : 'Host: a\r\n';
    const body = this.pick([
      '',
      '{}',
      '5\r\nhello\r\n0\r\n\r\n',
      'ffffffffffffffff\r\n',
      '5;ext=\0\r\nhello\r\n0\r\n\r\n',
    ]);
    const request = Buffer.from(
      `${method} ${target} ${version}\r\nConnection: close\r\n${host}${headers.join('\r\n')}\r\n\r\n${body}`,
      'latin1',
    );
    return this.below(3) === 0 ? this.mangled(request) : request;
  }
}
