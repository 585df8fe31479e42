import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { loadConfig } from '../backend/src/config/config';
import { SETTING_GROUPS } from '../backend/src/config/settings';
import { generatedFiles } from './generate-config-docs';

const files = generatedFiles();
const example = files['.env.example'] ?? '';
const names = Object.values(SETTING_GROUPS).flatMap((group) => Object.values(group).map(({ name }) => name));

describe('the generated files', () => {
  // When this fails: npm run config:docs
  it.each(Object.keys(files))('%s is what the table of settings says', (path) => {
    expect(readFileSync(join(__dirname, '..', path), 'utf8')).toBe(files[path]);
  });

  it('name every setting once', () => {
    const commented = [...example.matchAll(/^#([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(commented).toEqual(names);
    const rows = [...(files['docs/configuration.md'] ?? '').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name);
    expect(rows).toEqual(names);
  });

  it('show defaults that are the defaults: every one taken changes nothing', () => {
    const uncommented = parseEnv(example.replaceAll(/^#([A-Z_]+=)/gm, '$1'));
    // The default of HOST depends on NODE_ENV; what is shown is that of production.
    const { HOST, ...rest } = uncommented;
    expect(HOST).toBe('0.0.0.0');
    const { jwtKeys: _taken, lookup: _takenLookup, warnings: _takenWarnings, ...taken } = loadConfig(rest);
    const { jwtKeys: _unset, lookup: _unsetLookup, warnings: _unsetWarnings, ...unset } = loadConfig({});
    expect(taken).toEqual(unset);
  });
});
