import type dns from 'node:dns';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { createGuardedAgents, guardedLookup, isPublicAddress } from './address-guard';
import { UpstreamClient } from './upstream-client';

describe('isPublicAddress', () => {
  it.each([
    '0.0.0.0',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.1.1',
    '198.19.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '2001:0:1::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '',
    'example.com',
    '2130706433',
  ])('is not %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.0.1',
    '172.32.0.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
  ])('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

/** A DNS that answers with these addresses, whatever it is asked. */
function answering(...addresses: string[]) {
  return (_name: string, _options: dns.LookupAllOptions, done: (error: null, all: dns.LookupAddress[]) => void) =>
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
}

describe('guardedLookup', () => {
  const lookUp = (all: boolean, ...addresses: string[]) =>
    new Promise((resolve) => {
      guardedLookup(answering(...addresses))('hooks.example', { all }, (error, address, family) =>
        resolve(error === null ? [address, family] : error.code),
      );
    });

  it('passes on public addresses, one or all', async () => {
    expect(await lookUp(false, '1.1.1.1', '1.0.0.1')).toEqual(['1.1.1.1', 4]);
    expect(await lookUp(true, '1.1.1.1')).toEqual([[{ address: '1.1.1.1', family: 4 }], undefined]);
  });

  it('refuses a name as soon as one of its addresses is not public', async () => {
    expect(await lookUp(false, '10.0.0.1')).toBe('address_refused');
    expect(await lookUp(true, '1.1.1.1', '::ffff:10.0.0.1')).toBe('address_refused');
  });

  it('passes on that there is no such name', async () => {
    expect(await lookUp(true)).toBe('ENOTFOUND');
    const failure = Object.assign(new Error(), { code: 'EAI_AGAIN' });
    const failing = guardedLookup((_name, _options, done) => done(failure, undefined as never));
    expect(await new Promise((resolve) => failing('a.example', {}, resolve))).toBe(failure);
  });
});

describe('a guarded client', () => {
  let calls = 0;
  const server = http.createServer((_request, response) => {
    calls += 1;
    response.end('{}');
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  beforeEach(() => {
    calls = 0;
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
  });

  async function call(url: string, client: UpstreamClient) {
    try {
      return await client.call({
        method: 'POST',
        url,
        headers: {},
        body: Buffer.from('{}'),
        signal: AbortSignal.timeout(5_000),
      });
    } finally {
      client.close();
    }
  }
  const guarded = (...addresses: string[]) =>
    new UpstreamClient({
      maxSockets: 1,
      agents: createGuardedAgents(1, addresses.length > 0 ? answering(...addresses) : undefined),
    });

  it.each([
    '127.0.0.1',
    'localhost',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '[::ffff:127.0.0.1]',
    '[::1]',
    '0.0.0.0',
  ])('does not reach a server of this machine by %s', async (host) => {
    for (const scheme of ['http', 'https']) {
      expect(await call(`${scheme}://${host}:${String(port)}/`, guarded())).toEqual({
        kind: 'failure',
        code: 'address_refused',
        mayHaveBeenProcessed: false,
      });
    }
    expect(calls).toBe(0);
  });

  it('does not reach it by a name whose DNS answer leads here', async () => {
    const answer = await call(`http://hooks.example:${String(port)}/`, guarded('127.0.0.1'));
    expect(answer).toMatchObject({ code: 'address_refused', mayHaveBeenProcessed: false });
    expect(calls).toBe(0);
  });

  it('is reached by a client without a guard', async () => {
    const answer = await call(`http://127.0.0.1:${String(port)}/`, new UpstreamClient({ maxSockets: 1 }));
    expect(answer).toMatchObject({ kind: 'response', status: 200 });
    expect(calls).toBe(1);
  });
});
