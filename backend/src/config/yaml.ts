/** Files of settings in YAML: read whole, checked whole, and every fault told at once with its line. */
import type Joi from 'joi';
import { readFile, stat } from 'node:fs/promises';
import { LineCounter, isMap, isScalar, parseDocument, visit } from 'yaml';
import type { Document, Node, Pair } from 'yaml';

const BYTES_MAX = 1024 * 1024;
const FAULTS_SHOWN_MAX = 20;

/** A file of settings that cannot be used. The message names each fault with its line, and no value of the file. */
export class SettingsFileError extends Error {
  override readonly name = 'SettingsFileError';
  constructor(
    readonly path: string,
    readonly faults: readonly string[],
  ) {
    const more = faults.length - FAULTS_SHOWN_MAX;
    const shown = [...faults.slice(0, FAULTS_SHOWN_MAX), ...(more > 0 ? [`and ${String(more)} more`] : [])];
    super(`${path} cannot be used:\n  ${shown.join('\n  ')}`);
  }
}

/** Files of settings that cannot be used, each named by its setting. */
export class SettingsFilesError extends Error {
  override readonly name = 'SettingsFilesError';
  constructor(faulty: readonly (readonly [setting: string, error: SettingsFileError])[]) {
    super(faulty.map(([setting, { message }]) => `${setting}: ${message}`).join('\n'));
  }
}

export interface YamlRules<T> {
  /** Its messages complete "<place> …": `must be a string`. Nothing is converted. */
  readonly schema: Joi.Schema<T>;
  /** What the schema cannot say, for a file that passed it: places and what is wrong there. */
  readonly faultsOf?: (value: T) => readonly YamlFault[];
  /** Gives what `${NAME}` stands for within a text; without it `${NAME}` is left as it is. */
  readonly lookup?: (name: string) => string | undefined;
}

export interface YamlFault {
  readonly at: readonly (string | number)[];
  readonly detail: string;
}

/** The checked content of a file. @throws SettingsFileError */
export async function readYamlFile<T>(path: string, rules: YamlRules<T>): Promise<T> {
  const lines = new LineCounter();
  const document = parseDocument(await readText(path), { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => `line ${String(lines.linePos(offset).line)}`;
  // Warnings are faults too: an unknown tag, say, would change what a value means.
  const broken = [...document.errors, ...document.warnings].map(({ pos, message }) => `${lineAt(pos[0])}: ${message}`);
  if (broken.length > 0) throw new SettingsFileError(path, broken);

  const unset = rules.lookup === undefined ? [] : substitute(document, rules.lookup, lineAt);
  const checked = rules.schema.validate(toPlain(path, document), {
    abortEarly: false,
    convert: false,
    presence: 'required',
    errors: { label: false, wrap: { label: false } },
  });
  const found: readonly YamlFault[] =
    checked.error === undefined
      ? (rules.faultsOf?.(checked.value) ?? [])
      : checked.error.details.map(({ path: at, message }) => ({ at, detail: message }));
  const faults = found
    .map(({ at, detail }) => ({ offset: offsetOf(document, at), text: `${placeOf(at)} ${detail}` }))
    .sort((one, other) => one.offset - other.offset)
    .map(({ offset, text }) => `${lineAt(offset)}: ${text}`);
  if (unset.length + faults.length > 0) throw new SettingsFileError(path, [...unset, ...faults]);
  return checked.value as T;
}

async function readText(path: string): Promise<string> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) throw new SettingsFileError(path, ['it is not a file']);
    if (stats.size > BYTES_MAX) throw new SettingsFileError(path, [`it is larger than ${String(BYTES_MAX)} bytes`]);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof SettingsFileError) throw error;
    throw new SettingsFileError(path, [whyUnreadable(error as NodeJS.ErrnoException)]);
  }
}

function whyUnreadable({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'it is not UTF-8';
  return `it cannot be read (${String(code)})`;
}

function toPlain(path: string, document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new SettingsFileError(path, ['its aliases (*name) lead nowhere, or to too much']);
  }
}

/** Whether a value is still in the quotes that a shell would have taken away, with a comment behind them or not. */
export function isQuoted(text: string): boolean {
  return /^(["']).*\1(\s+#.*)?$/s.test(text);
}

/** Puts values in place of `${NAME}`, after parsing: a value can never become structure. Returns what is not set. */
function substitute(
  document: Document,
  lookup: (name: string) => string | undefined,
  lineAt: (offset: number) => string,
) {
  const faults: string[] = [];
  visit(document, {
    Scalar: (key, node) => {
      if (key === 'key' || typeof node.value !== 'string') return;
      node.value = node.value.replaceAll(/\$\{([^}]*)\}/g, (_whole, name: string) => {
        const value = lookup(name);
        const refuse = (detail: string) =>
          faults.push(`${lineAt(node.range?.[0] ?? 0)}: the environment variable ${name} ${detail}`);
        if (value === undefined) refuse('is not set');
        else if (isQuoted(value)) refuse('is in quotes; write its value without them');
        return value ?? '';
      });
    },
  });
  return faults;
}

/** Where the place is in the text; for one that is not there, where the nearest one around it is. */
function offsetOf(document: Document, at: readonly (string | number)[]): number {
  for (let depth = at.length; depth > 0; depth -= 1) {
    const parent: unknown = document.getIn(at.slice(0, depth - 1), true);
    const last = at[depth - 1];
    const pair = isMap(parent) ? parent.items.find((item) => keyOf(item) === last) : undefined;
    const node = (pair?.key ?? document.getIn(at.slice(0, depth), true)) as Node | undefined;
    if (node?.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

function keyOf({ key }: Pair): unknown {
  return isScalar(key) ? key.value : key;
}

/** `clients[2].scopes[0]` */
function placeOf(at: readonly (string | number)[]): string {
  const place = at.map((part) => (typeof part === 'number' ? `[${String(part)}]` : `.${part}`)).join('');
  return place === '' ? 'the file' : place.replace(/^\./, '');
}
