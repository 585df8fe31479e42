import { createHash } from 'node:crypto';
import type { Client } from '../../types/auth';
import { ClientRegistry } from './client-registry';

const digest = (secret: string) => createHash('sha256').update(secret).digest();
const open: Client = { id: 'open', isPublic: true, secretDigests: [], scopes: ['events:write'] };
const closed: Client = { id: 'closed', isPublic: false, secretDigests: [digest('right')], scopes: ['events:read'] };
const rotating: Client = { ...closed, id: 'rotating', secretDigests: [digest('new'), digest('old')] };

describe('ClientRegistry', () => {
  const registry = new ClientRegistry([open, closed, rotating]);

  it.each([
    ['closed', 'right', closed],
    ['rotating', 'new', rotating],
    ['rotating', 'old', rotating],
    ['open', undefined, open],
    ['open', 'anything', open],
    ['closed', 'wrong', null],
    ['closed', 'right ', null],
    ['closed', 'Right', null],
    ['closed', '', null],
    ['closed', undefined, null],
    ['closed', 'new', null],
    ['rotating', 'right', null],
    ['unknown', 'right', null],
    ['unknown', undefined, null],
    ['', '', null],
    ['CLOSED', 'right', null],
    ['constructor', undefined, null],
    ['__proto__', undefined, null],
  ])('%s with %s', (id, secret, expected) => {
    expect(registry.authenticate(id, secret === undefined ? [] : [secret])).toBe(expected);
  });

  it('takes no text for the secret that a client has not', () => {
    const noSecret = new ClientRegistry([
      { ...closed, secretDigests: [] },
      { ...closed, id: 'empty', secretDigests: [digest('')] },
    ]);
    expect(noSecret.authenticate('closed', [''])).toBeNull();
    expect(noSecret.authenticate('closed', [])).toBeNull();
    expect(noSecret.authenticate('empty', [])).toBeNull();
  });

  it('takes any one reading of what was sent, and none in place of a right one', () => {
    expect(registry.authenticate('closed', ['wrong', 'right'])).toBe(closed);
    expect(registry.authenticate('closed', ['right', 'wrong'])).toBe(closed);
    expect(registry.authenticate('closed', ['wrong', 'also wrong'])).toBeNull();
  });

  it('is replaced as a whole, and says so', () => {
    const replaceable = new ClientRegistry([open, closed]);
    const before = replaceable.generation;
    replaceable.replace([closed]);
    expect(replaceable.generation).toBeGreaterThan(before);
    expect(replaceable.find('open')).toBeNull();
    expect(replaceable.authenticate('open', [])).toBeNull();
    expect(replaceable.find('closed')).toBe(closed);
  });
});
