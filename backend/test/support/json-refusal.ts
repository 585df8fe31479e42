import { AppError } from '../../src/errors';
import { parseStrictJson } from '../../src/http/strict-json';

/** What refuses the text: the error's detail. Undefined when nothing does. */
export function refusal(read: () => unknown, code = 'invalid_json'): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.code).toBe(code);
    return error.detail;
  }
}

/** What strict reading has against the text. */
export const refusalOf = (text: string) => refusal(() => parseStrictJson(text));
