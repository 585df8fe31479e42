import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { SETTING_GROUPS } from '../src/config/settings';

// The rules of the house that need the whole tree and that no linter has.

const root = path.resolve(__dirname, '../..');
const notOurs = new Set(['node_modules', 'dist', 'coverage', 'data', '.git']);

function filesBelow(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (notOurs.has(entry.name)) return [];
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name) : [name];
  });
}

const files = filesBelow('.');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const named = (pattern: RegExp): string[] => files.filter((file) => pattern.test(file));
const sources = named(/\.tsx?$/);

/** `file:line: text` of every line that matches. */
function linesMatching(among: readonly string[], pattern: RegExp): string[] {
  return among.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

describe('names', () => {
  it('reads the sources at all', () => {
    expect(sources).toContain('backend/src/errors.ts');
  });

  it('gives every source file a kebab-case name', () => {
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.property)?(\.test|\.d)?\.tsx?$/;
    expect(sources.filter((file) => !kebab.test(path.basename(file)))).toEqual([]);
  });

  it('says what a thing is, not that it is one', () => {
    const vagueFile = /(^|[-/])(managers?|helpers?|utils?|impl|common)([-./]|$)/;
    const vagueName =
      /\b(class|interface|type|enum|function|const|let)\s+\w*(Manager|Helper|Util|Impl|Common)s?(?![a-z])/;
    expect(sources.filter((file) => vagueFile.test(file))).toEqual([]);
    expect(linesMatching(sources, vagueName)).toEqual([]);
  });

  it('does not mark an interface with a letter', () => {
    expect(linesMatching(sources, /\binterface I[A-Z]/)).toEqual([]);
  });
});

describe('nothing left for later', () => {
  it('has no note of unfinished work', () => {
    // Written so that this file does not match itself.
    expect(linesMatching(named(/\.(tsx?|c?js|md|ya?ml|sql)$/), /\b(TO[D]O|FIX[M]E)\b/)).toEqual([]);
  });

  it('has no link to a file that is not there', () => {
    const broken = named(/\.md$/).flatMap((file) =>
      [...read(file).matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !existsSync(path.join(root, path.dirname(file), target)))
        .map((target) => `${file}: ${target}`),
    );
    expect(broken).toEqual([]);
  });
});

describe('the size of the house', () => {
  const product = named(/^backend\/src\/.*(?<!\.test)\.ts$/);

  /** Folders that hold more than 12 files, and how many they may hold. */
  const LARGER: Readonly<Record<string, number>> = {
    'backend/src/external-services/stores/sqlite': 13,
    'backend/src/services/events': 13,
  };

  /** Files under 40 lines that one file imports: each is an adapter, a rule or a port of its own. */
  const SMALL = [
    'config/watch.ts',
    'middleware/handle-error.ts',
    'middleware/request-context.ts',
    'middleware/shed-load.ts',
    'services/operations/load-shedder.ts',
  ].map((file) => `backend/src/${file}`);

  it('has at most 12 files in a folder', () => {
    const counts = new Map<string, number>();
    for (const file of product) counts.set(path.dirname(file), (counts.get(path.dirname(file)) ?? 0) + 1);
    expect([...counts].filter(([folder, count]) => count > (LARGER[folder] ?? 12))).toEqual([]);
  });

  it('has no file under 40 lines that one file alone imports', () => {
    const importers = new Map<string, Set<string>>();
    for (const file of product) {
      for (const [, target = ''] of read(file).matchAll(/from '(\.[^']+)'/g)) {
        const imported = `${path.join(path.dirname(file), target)}.ts`;
        importers.set(imported, (importers.get(imported) ?? new Set()).add(file));
      }
    }
    const paragraphs = product.filter((file) => {
      const isSmall = read(file).split('\n').length - 1 < 40;
      return isSmall && importers.get(file)?.size === 1 && !SMALL.includes(file);
    });
    expect(paragraphs).toEqual([]);
  });
});

describe('settings', () => {
  const settings = Object.values(SETTING_GROUPS).flatMap((group) => Object.values(group).map(({ name }) => name));

  it('stand in .env.example, each of them and nothing else', () => {
    const example = [...read('.env.example').matchAll(/^#?\s?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name);
    expect([...example].sort()).toEqual([...settings].sort());
  });

  it('are at most 45', () => {
    expect(settings.length).toBeLessThanOrEqual(45);
  });

  it('are what docker-compose.yml sets, not misspelt names', () => {
    const compose = parse(read('docker-compose.yml'), { merge: true });
    const set = Object.keys(compose.services['backend-service'].environment);
    expect(set.length).toBeGreaterThan(0);
    expect(set.filter((name) => !settings.includes(name))).toEqual([]);
  });
});

describe('packages', () => {
  const manifest = JSON.parse(read('package.json'));
  const lock = JSON.parse(read('package-lock.json'));

  it('are pinned to exact versions', () => {
    const wanted = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.overrides });
    expect(wanted.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([]);
  });

  it('are taken from the registry of whoever installs them', () => {
    const packages: Record<string, { resolved?: string }> = lock.packages;
    expect(Object.keys(packages).filter((name) => packages[name]?.resolved !== undefined)).toEqual([]);
  });
});
