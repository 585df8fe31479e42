import { pointerTo } from '../errors';

/** Where something is in a JSON text, told without parsing it. */

/**
 * Where an index of a text is, for a person: lines and columns from 1, a column for each character
 * (code point).
 */
export function positionOf(text: string, index: number): { line: number; column: number } {
  let line = 1;
  let column = 1;
  for (let i = 0; i < index; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x0a) {
      line++;
      column = 1;
    } else if ((code & 0xfc00) !== 0xdc00) {
      column++;
    }
  }
  return { line, column };
}

/**
 * The character at an index, in words that are safe to show: itself when printable ASCII, else its
 * code point.
 */
export function describeAt(text: string, index: number): string {
  const codePoint = text.codePointAt(index);
  if (codePoint === undefined) return 'the end of the text';
  if (codePoint > 0x20 && codePoint < 0x7f) return `'${String.fromCodePoint(codePoint)}'`;
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * The index after the string that starts at `start`; past the text's end where nothing closes it.
 */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return text.length + 1;
}

/**
 * Where the JSON value that starts at `start` ends, told by its brackets and quotes alone; null
 * where they are not closed.
 */
export function endOfValue(text: string, start: number): number | null {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (character === '"') i = endOfString(text, i) - 1;
    else if (character === '{' || character === '[') depth++;
    else if (depth === 0 && (character === ',' || character === ']' || character === '}')) return i;
    else if ((character === '}' || character === ']') && --depth === 0) return i + 1;
  }
  return null;
}

/**
 * The JSON Pointer from the value at `start` to what stands at `at` in it. Up to there the text is
 * sound JSON.
 */
export function pointerOf(text: string, start: number, at: number): string {
  const path: (string | number)[] = [];
  let isKey = false;
  for (let i = start; i < at; i++) {
    const character = text[i];
    if (character === '{') path.push('');
    if (character === '[') path.push(0);
    if (character === '}' || character === ']') path.pop();
    const last = path.at(-1);
    if (character === ',' && typeof last === 'number') path[path.length - 1] = last + 1;
    if (character === '{' || character === ',') isKey = typeof path.at(-1) === 'string';
    if (character === ':' || character === '[' || character === '}') isKey = false;
    if (character !== '"') continue;
    const end = endOfString(text, i);
    if (isKey && end <= at) path[path.length - 1] = JSON.parse(text.slice(i, end)) as string;
    i = end - 1;
  }
  // A key at fault: the whole of it, or a character in it that leaves it without a name.
  if (isKey) path.pop();
  if (isKey && text[at] === '"') path.push(JSON.parse(text.slice(at, endOfString(text, at))) as string);
  return pointerTo(path);
}
