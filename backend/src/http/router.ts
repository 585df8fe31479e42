/**
 * Our router in place of Express' own. Express compares a request's path with the layers of its
 * stack one after the other: with this product's routes, up to forty comparisons for each request,
 * each of which allocates, and again before every handler of a route. Here a path is found by one
 * look-up, and the handlers of a route run in sequence without being looked for again. What a path,
 * a parameter and `next` mean is as in Express; `request.route` is set, so that instrumentation
 * names a request by its route.
 */
import { parse, type ParsedUrlQuery } from 'node:querystring';

import type { RequestHandler } from 'express';

import { AppError } from '../errors';

/** A path with one method, and what is called for it, in order. */
export interface RoutedPath {
  readonly method: 'get' | 'post';
  readonly path: string;
  /** Called before everything else, also where another method is refused. */
  readonly always: readonly RequestHandler[];
  readonly handlers: readonly RequestHandler[];
}

/** What a path does, by method; any other method is refused. */
interface PathHandlers {
  readonly byMethod: ReadonlyMap<string, RequestHandler>;
  readonly refuse: RequestHandler;
}

/**
 * Hands each request to the handlers of its path and method; throws `not_found` and
 * `method_not_allowed`.
 */
export function routeRequests(rows: readonly RoutedPath[]): RequestHandler {
  const table = new PathTable<PathHandlers>();
  for (const path of new Set(rows.map((row) => row.path))) {
    const ofPath = rows.filter((row) => row.path === path);
    const byMethod = new Map<string, RequestHandler>();
    for (const row of ofPath) {
      const handler = inSequence([nameRoute(path), ...row.always, ...row.handlers]);
      for (const method of methodsOf(row)) byMethod.set(method, handler);
    }
    const always = ofPath[0]?.always ?? [];
    const refuse = inSequence([nameRoute(path), ...always, refuseMethod([...byMethod.keys()].join(', '))]);
    table.add(path, { byMethod, refuse });
  }
  return (request, response, next) => {
    const found = table.find(request.path);
    if (found === null) throw new AppError('not_found', 'There is nothing at this path.');
    const { byMethod, refuse } = found.value;
    request.params = found.params;
    // A query that cannot be read is refused on every path, also on those that have no use for it.
    if (request.url.includes('?')) parseQuery(request.url.slice(request.url.indexOf('?') + 1));
    void (byMethod.get(request.method) ?? refuse)(request, response, next);
  };
}

/** A handler of GET answers HEAD too: node then leaves the body out (RFC 9110, section 9.3.2). */
const methodsOf = ({ method }: RoutedPath): readonly string[] =>
  method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()];

const nameRoute = (path: string): RequestHandler => {
  const route = { path };
  return (request, _response, next) => {
    request.route = route;
    next();
  };
};

function refuseMethod(allow: string): RequestHandler {
  return (request) => {
    throw new AppError('method_not_allowed', `${request.method} is not a method of this path; allowed: ${allow}.`, {
      headers: { Allow: allow },
    });
  };
}

/**
 * Several handlers as one: each is called when the one before it calls `next`; what one throws or
 * rejects with ends the sequence and goes to `done`, as Express does it.
 */
export function inSequence(handlers: readonly RequestHandler[]): RequestHandler {
  return (request, response, done) => {
    let place = 0;
    const next = (error?: unknown): void => {
      const handler = error === undefined ? handlers[place] : undefined;
      if (handler === undefined) {
        done(error);
        return;
      }
      place += 1;
      try {
        const result: unknown = handler(request, response, next);
        if (result instanceof Promise) result.catch(done);
      } catch (thrown) {
        done(thrown);
      }
    };
    next();
  };
}

/**
 * The parameters of a query, flat, each a text or a list of texts. Refuses what is no
 * percent-encoded UTF-8, which would be read as some other text, and the one name that a copy of an
 * object loses in silence.
 * @throws URIError @throws AppError
 */
export function parseQuery(query: string | null): ParsedUrlQuery {
  if (query === null || query === '') return {};
  decodeURIComponent(query);
  const parameters = parse(query);
  if (Object.hasOwn(parameters, '__proto__')) {
    throw new AppError('invalid_request', '__proto__ is not a parameter of anything here.');
  }
  return parameters;
}

/** What stands for a path, and the values of its parameters. */
interface Found<T> {
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
 * Finds what stands for a path by one look-up, or among the few paths with parameters that have as
 * many parts. Paths are read as Express reads them: in any case, with or without one slash at the
 * end; `:name` stands for one part that is not empty, percent-decoded. Kept invariant: a fixed path
 * wins over one with parameters; of those, the one that was added first.
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

  /**
   * Null when there is nothing at this path. @throws URIError when the percent-encoding of a
   * parameter is broken
   */
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
