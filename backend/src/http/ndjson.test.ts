import { Readable } from 'node:stream';

import fc from 'fast-check';

import { propertyRuns } from '../../test/support/property-runs';
import { readLines } from './ndjson';

async function read(chunks: readonly (string | Buffer)[], maxBytes = 1000): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), maxBytes)) {
    lines.push(line.kind === 'line' ? line.bytes.toString('utf8') : '(too long)');
  }
  return lines;
}

test('wherever the chunks are cut, the lines are the same', async () => {
  const cut = fc.tuple(fc.string({ unit: fc.constantFrom('a', 'ä', '\n', '\r\n', '😀') }), fc.array(fc.nat(60)));
  await fc.assert(
    fc.asyncProperty(cut, async ([text, cuts]) => {
      const bytes = Buffer.from(text);
      const places = [0, ...cuts.filter((place) => place <= bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
      expect(await read(chunks)).toEqual(text.split(/\r?\n/).filter((line) => line !== '' && line !== '\r'));
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test('a line over the limit is passed over, however long, and the next one is read', async () => {
  expect(await read(['aaa\n', 'b'.repeat(600), 'b'.repeat(600), '\nccc\n'])).toEqual(['aaa', '(too long)', 'ccc']);
  expect(await read(['x'.repeat(1000), '\n', 'x'.repeat(1001)])).toEqual(['x'.repeat(1000), '(too long)']);
});

test('numbers the lines as an editor does, empty ones too', async () => {
  const numbers: number[] = [];
  for await (const { number } of readLines(Readable.from([Buffer.from('a\n\r\n\nbbbbb\nc')]), 4)) numbers.push(number);
  expect(numbers).toEqual([1, 4, 5]);
});

test('reads no further than the lines that are taken', async () => {
  let chunks = 0;
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.from(`${String(chunks++)}\n`);
    })(),
    { highWaterMark: 2 },
  );
  const lines = readLines(endless, 100)[Symbol.asyncIterator]();
  for (let count = 0; count < 5; count += 1) await lines.next();
  expect(chunks).toBeLessThan(12);
  await lines.return?.(undefined);
});
