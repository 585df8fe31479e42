import { readBehaviour, readScriptEntry } from './behaviour';

describe('readBehaviour', () => {
  it.each([
    ['accept', { kind: 'accept' }],
    ['hang', { kind: 'hang' }],
    ['reset-before', { kind: 'reset-before' }],
    ['503', { kind: 'status', status: 503, retryAfter: { form: 'none' } }],
    ['429', { kind: 'status', status: 429, retryAfter: { form: 'seconds', seconds: 2 } }],
    ['429:none', { kind: 'status', status: 429, retryAfter: { form: 'none' } }],
    ['429:99999999999', { kind: 'status', status: 429, retryAfter: { form: 'seconds', seconds: 99_999_999_999 } }],
    ['503:date:5', { kind: 'status', status: 503, retryAfter: { form: 'date', seconds: 5 } }],
    ['429:garbage', { kind: 'status', status: 429, retryAfter: { form: 'garbage' } }],
    ['drip', { kind: 'drip', everyMs: 50 }],
    ['drip:7', { kind: 'drip', everyMs: 7 }],
    ['oversize', { kind: 'oversize', mebibytes: 5 }],
    ['oversize:3', { kind: 'oversize', mebibytes: 3 }],
    ['redirect', { kind: 'redirect', status: 302, location: null }],
    ['redirect:308', { kind: 'redirect', status: 308, location: null }],
    ['redirect:http://127.0.0.1:1/x', { kind: 'redirect', status: 302, location: 'http://127.0.0.1:1/x' }],
    ['redirect:307:http://127.0.0.1:1/x', { kind: 'redirect', status: 307, location: 'http://127.0.0.1:1/x' }],
    ['delay:200', { kind: 'delay', ms: 200, then: { kind: 'accept' } }],
    [
      'delay:0:429:garbage',
      { kind: 'delay', ms: 0, then: { kind: 'status', status: 429, retryAfter: { form: 'garbage' } } },
    ],
  ])('reads %s', (text, expected) => {
    expect(readBehaviour(text)).toEqual(expected);
  });

  it.each([
    ['an empty text', ''],
    ['an unknown name', 'hagn'],
    ['a status out of range', '600'],
    ['a success', '202'],
    ['an argument where none belongs', 'hang:5'],
    ['an argument where none belongs', 'accept:1'],
    ['a wait that is no number', '429:soon'],
    ['a date without seconds', '429:date'],
    ['a drip of no time', 'drip:0'],
    ['an endless answer', 'oversize:1025'],
    ['a delay without a length', 'delay'],
    ['a delay in a delay', 'delay:1:delay:1'],
    ['a delay that is too long', 'delay:600001'],
    ['a header split by a redirect', 'redirect:http://x/\r\nSet-Cookie: a=b'],
    ['a name of every object', 'constructor'],
  ])('refuses %s (%j)', (_what, text) => {
    expect(readBehaviour(text)).toBeNull();
  });
});

it('a script entry is a behaviour for one call or for several', () => {
  expect(readScriptEntry('hang')).toEqual({ behaviour: { kind: 'hang' }, times: 1 });
  expect(readScriptEntry('429:2*30')).toMatchObject({ behaviour: { status: 429 }, times: 30 });
  for (const text of ['', '*3', 'hang*0', 'hang*', 'hang*-1', 'hang*9999999', 'hang*2*2']) {
    expect({ text, entry: readScriptEntry(text) }).toEqual({ text, entry: null });
  }
});
