import { createHash } from 'node:crypto';
import { UuidSet } from './uuid-set';

function uuidOf(number: number): string {
  const hex = createHash('sha256').update(String(number)).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

describe('UuidSet', () => {
  it('counts each id once, over many growths', () => {
    const set = new UuidSet();
    for (let round = 0; round < 2; round += 1) {
      for (let number = 0; number < 20_000; number += 1) set.add(uuidOf(number));
      expect(set.size).toBe(20_000);
    }
    expect(set.isExact).toBe(true);
  });

  it('tells ids apart that differ in one digit anywhere, and takes both cases of a letter for one', () => {
    const set = new UuidSet();
    const ids = new Set(['00000000-0000-0000-0000-000000000000']);
    for (let at = 0; at < 36; at += 1) {
      for (const digit of ['1', '8', 'f']) {
        const id = '00000000-0000-0000-0000-000000000000'.split('');
        if (id[at] !== '-') ids.add(id.map((old, index) => (index === at ? digit : old)).join(''));
      }
    }
    for (const id of [...ids, ...ids]) set.add(id);
    expect(set.size).toBe(ids.size);
    for (const id of ids) set.add(id.toUpperCase());
    expect(set.size).toBe(ids.size);
  });

  it('starts from nothing once cleared, however large it was', () => {
    const set = new UuidSet();
    set.add('00000000-0000-0000-0000-000000000000');
    for (let number = 0; number < 20_000; number += 1) set.add(uuidOf(number));
    set.clear();
    expect(set.size).toBe(0);
    for (let round = 0; round < 2; round += 1) {
      for (let number = 0; number < 5_000; number += 1) set.add(uuidOf(number));
      expect(set.size).toBe(5_000);
    }
  });

  it('says so once it holds as many as it may and another comes', () => {
    const set = new UuidSet(4096);
    for (let number = 0; number < 3072; number += 1) set.add(uuidOf(number));
    set.add(uuidOf(0));
    expect([set.size, set.isExact]).toEqual([3072, true]);
    set.add(uuidOf(3072));
    expect([set.size, set.isExact]).toEqual([3072, false]);
    set.clear();
    expect(set.isExact).toBe(true);
  });
});
