import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

import { readLines } from '../../backend/src/http/ndjson';
import { uuidV5 } from '../../backend/src/services/events/event-id';

/** One event of the file: the line that is sent, or why there is none. */
export interface ImportRecord {
  /** Where it begins in the file, from 1. */
  readonly line: number;
  readonly text: string;
  readonly fault?: string;
}

export type Format = 'ndjson' | 'csv';

const LINE_MAX_BYTES = 100 * 1024;
/** What decoding puts in the place of bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd';

/** The records of the file, in order; at most one chunk and one record are in memory. */
export function readRecords(file: string, format: Format): AsyncGenerator<ImportRecord> {
  return format === 'csv' ? readCsv(file) : readNdjson(file);
}

async function* readNdjson(file: string): AsyncGenerator<ImportRecord> {
  for await (const read of readLines(createReadStream(file), LINE_MAX_BYTES)) {
    const { number: line } = read;
    if (read.kind === 'too_long') yield { line, text: '', fault: 'the line is longer than 100 KiB' };
    else if (!isUtf8(read.bytes)) yield { line, text: '', fault: 'the line is not UTF-8' };
    else yield withId(line, withoutMark(read.bytes.toString('utf8')));
  }
}

/** Without the byte order mark that some programs put at the beginning of a file. */
function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/**
 * An event without an id gets one made from its place and its text, so that the same file imported
 * again, or resumed after its state was lost, names the same events.
 */
function withId(line: number, text: string): ImportRecord {
  if (!lacksId(text)) return { line, text };
  // The id is put into the text: writing it again as JSON could change a number.
  const digest = createHash('sha256').update(text).digest('hex');
  const id = uuidV5('import', `${String(line)}:${digest}`);
  const rest = text.trimStart().slice(1);
  return { line, text: `{"event_id":"${id}"${/^\s*\}/.test(rest) ? '' : ','}${rest}` };
}

/**
 * Whether the text is an object without an id. What is no JSON is sent as it is: the gateway says
 * what is wrong with it.
 */
function lacksId(text: string): boolean {
  try {
    const event: unknown = JSON.parse(text);
    return (
      typeof event === 'object' &&
      event !== null &&
      !Array.isArray(event) &&
      !('event_id' in event || 'eventId' in event)
    );
  } catch {
    return false;
  }
}

async function* readCsv(file: string): AsyncGenerator<ImportRecord> {
  let header: readonly string[] | null = null;
  for await (const { line, cells } of readRows(createReadStream(file, 'utf8') as AsyncIterable<string>)) {
    if (header === null) {
      header = cells.map((name) => withoutMark(name).trim());
      continue;
    }
    if (cells.length === 1 && cells[0] === '') continue;
    if (cells.length !== header.length) {
      yield { line, text: '', fault: `has ${String(cells.length)} cells, the header has ${String(header.length)}` };
    } else if (cells.some((cell) => cell.includes(REPLACEMENT))) {
      yield { line, text: '', fault: 'the row is not UTF-8' };
    } else yield fromCells(line, header, cells);
  }
}

function fromCells(line: number, header: readonly string[], cells: readonly string[]): ImportRecord {
  const members: string[] = [];
  for (const [index, name] of header.entries()) {
    const cell = cells[index] ?? '';
    if (cell === '') continue;
    members.push(`${JSON.stringify(name)}:${isJson(name, cell) ? cell : JSON.stringify(cell)}`);
  }
  return withId(line, `{${members.join(',')}}`.replaceAll('\n', ' '));
}

/**
 * Properties are JSON and an epoch is an integer. All else is text, money too, and so is what
 * should be JSON and is not.
 */
function isJson(name: string, cell: string): boolean {
  if (/^event_?[tT]ime_?[eE]poch$/.test(name)) return /^-?\d+$/.test(cell);
  if (name !== 'properties') return false;
  try {
    JSON.parse(cell);
    return true;
  } catch {
    return false;
  }
}

/**
 * The rows of a CSV text (RFC 4180): quoted cells may hold commas, line ends and doubled quotes.
 */
async function* readRows(chunks: AsyncIterable<string>): AsyncGenerator<{ line: number; cells: string[] }> {
  let cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  let mayClose = false;
  let line = 1;
  let startLine = 1;
  for await (const chunk of chunks) {
    for (const character of chunk) {
      if (character === '\n') line += 1;
      if (mayClose) {
        mayClose = false;
        if (character === '"') {
          cell += '"';
          continue;
        }
        isQuoted = false;
      }
      if (isQuoted) {
        if (character === '"') mayClose = true;
        else cell += character;
      } else if (character === '"' && cell === '') isQuoted = true;
      else if (character === ',') {
        cells.push(cell);
        cell = '';
      } else if (character === '\n') {
        yield { line: startLine, cells: [...cells, cell.replace(/\r$/, '')] };
        cells = [];
        cell = '';
        startLine = line;
      } else cell += character;
    }
  }
  if (cell !== '' || cells.length > 0) yield { line: startLine, cells: [...cells, cell.replace(/\r$/, '')] };
}
