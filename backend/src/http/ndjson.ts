const NEWLINE = 0x0a;

/**
 * A line of a stream, or the fact that it was too long to be kept. `number` counts from 1, empty
 * lines too.
 */
export type Line = { readonly number: number } & (
  { readonly kind: 'line'; readonly bytes: Buffer } | { readonly kind: 'too_long' }
);

/**
 * The lines of a stream of bytes, empty ones left out, without their line ends. At most one line
 * and one chunk are in memory; the stream is read only as fast as the lines are taken. A line over
 * `maxBytes` is passed over and told as `too_long`.
 */
export async function* readLines(stream: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let size = 0;
  let number = 0;
  const take = (): Line | null => {
    number += 1;
    const line: Line =
      size > maxBytes
        ? { number, kind: 'too_long' }
        : { number, kind: 'line', bytes: trimEnd(Buffer.concat(parts, size)) };
    parts = [];
    size = 0;
    return line.kind === 'line' && line.bytes.length === 0 ? null : line;
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      keep(chunk.subarray(start, end));
      const line = take();
      if (line !== null) yield line;
      start = end + 1;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
  }
  const last = take();
  if (last !== null) yield last;

  function keep(part: Buffer): void {
    size += part.length;
    if (size <= maxBytes) parts.push(part);
    else parts = [];
  }
}

function trimEnd(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes;
}
