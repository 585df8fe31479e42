/** Kept invariant: a fixed path wins over one with parameters; of those, the one that was added first. */

/** What stands for a path, and the values of its parameters. */
export interface Found<T> {
  readonly value: T;
  readonly params: Record<string, string>;
}

interface Pattern<T> {
  readonly parts: readonly Part[];
  readonly value: T;
}

interface Part {
  readonly text: string;
  readonly isParameter: boolean;
}

/**
 * Finds what stands for a path by one look-up, or among the few paths with parameters that have as many parts. Paths are read as Express
 * reads them: in any case, with or without one slash at the end; `:name` stands for one part that is not empty, percent-decoded.
 */
export class PathTable<T> {
  private readonly fixed = new Map<string, Found<T>>();
  /** By their number of parts. */
  private readonly patterns = new Map<number, Pattern<T>[]>();

  add(path: string, value: T): void {
    const parts = path.split('/').map(toPart);
    if (!parts.some(({ isParameter }) => isParameter)) {
      this.fixed.set(withoutSlash(path).toLowerCase(), { value, params: {} });
      return;
    }
    const patterns = this.patterns.get(parts.length) ?? [];
    patterns.push({ parts, value });
    this.patterns.set(parts.length, patterns);
  }

  /** Null when there is nothing at this path. @throws URIError when the percent-encoding of a parameter is broken */
  find(path: string): Found<T> | null {
    const trimmed = withoutSlash(path);
    const found = this.fixed.get(trimmed) ?? this.fixed.get(trimmed.toLowerCase());
    if (found !== undefined) return found;
    const given = trimmed.split('/');
    const pattern = this.patterns.get(given.length)?.find(({ parts }) => isMatch(parts, given));
    return pattern === undefined ? null : { value: pattern.value, params: paramsOf(pattern.parts, given) };
  }
}

/** The root becomes the empty text. */
function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function toPart(text: string): Part {
  return text.startsWith(':') ? { text: text.slice(1), isParameter: true } : { text, isParameter: false };
}

function isMatch(parts: readonly Part[], given: readonly string[]): boolean {
  return parts.every(({ text, isParameter }, place) => {
    const part = given[place] ?? '';
    return isParameter ? part !== '' : part === text || part.toLowerCase() === text.toLowerCase();
  });
}

function paramsOf(parts: readonly Part[], given: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  parts.forEach(({ text, isParameter }, place) => {
    if (isParameter) params[text] = decodeURIComponent(given[place] ?? '');
  });
  return params;
}
