/** Where an index of a text is, for a person: lines and columns from 1, a column for each character (code point). */
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

/** The character at an index, in words that are safe to show: itself when printable ASCII, else its code point. */
export function describeAt(text: string, index: number): string {
  const codePoint = text.codePointAt(index);
  if (codePoint === undefined) return 'the end of the text';
  if (codePoint > 0x20 && codePoint < 0x7f) return `'${String.fromCodePoint(codePoint)}'`;
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;
}
