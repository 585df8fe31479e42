import Joi from 'joi';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SettingsFileError, readYamlFile } from './yaml';
import type { YamlRules } from './yaml';

interface Box {
  readonly name: string;
  readonly sizes: readonly number[];
}

const schema = Joi.object<Box>({ name: Joi.string(), sizes: Joi.array().items(Joi.number().max(9)) });

describe('readYamlFile', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'yaml-file-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function readText(content: string | Buffer, rules: Partial<YamlRules<Box>> = {}): Promise<Box> {
    const path = join(folder, 'box.yml');
    await writeFile(path, content);
    return readYamlFile(path, { schema, ...rules });
  }

  async function faultsOf(reading: Promise<unknown>): Promise<readonly string[]> {
    const error: unknown = await reading.then(
      () => new Error('it was taken'),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof SettingsFileError)) throw error;
    return error.faults;
  }

  it('gives the content of a file that passes', async () => {
    expect(await readText('name: x\nsizes: [1, 2]\n')).toEqual({ name: 'x', sizes: [1, 2] });
    expect(await readText('\ufeffname: x\nsizes: []\n')).toEqual({ name: 'x', sizes: [] });
  });

  it('names every fault with its line, in the order of the lines', async () => {
    const faults = await faultsOf(readText('# a box\ncolour: red\nsizes:\n  - 1\n  - 10\n  - big\n'));
    expect(faults).toEqual([
      'line 2: name is required',
      'line 2: colour is not allowed',
      'line 5: sizes[1] must be less than or equal to 9',
      'line 6: sizes[2] must be a number',
    ]);
  });

  it('shows the path and at most twenty faults', async () => {
    const error = await readText(`name: x\nsizes:\n${'  - 10\n'.repeat(50)}`).catch((thrown: unknown) => thrown);
    expect((error as SettingsFileError).faults).toHaveLength(50);
    expect(String(error)).toContain(`${folder}/box.yml cannot be used:\n  line 3: `);
    expect(String(error)).toContain('and 30 more');
  });

  it('asks for what a schema cannot say only where the schema is met', async () => {
    const rules = { faultsOf: ({ sizes }: Box) => [{ at: ['sizes', sizes.length - 1], detail: 'must not be last' }] };
    expect(await faultsOf(readText('name: x\nsizes:\n  - 1\n  - 2\n', rules))).toEqual([
      'line 4: sizes[1] must not be last',
    ]);
    expect(await faultsOf(readText('name: x\nsizes: 1\n', rules))).toEqual(['line 2: sizes must be an array']);
  });

  it.each([
    ['broken YAML', 'name: x\nsizes: [1,\n', /^line \d: /],
    ['a key twice', 'name: x\nsizes: []\nname: y\n', /^line 3: .*unique/],
    ['two documents', 'name: x\nsizes: []\n---\nname: y\n', /^line 3: .*documents/],
    ['an unknown tag', 'name: !!js/function x\nsizes: []\n', /^line 1: .*tag/],
    ['a tab as indentation', 'name: x\nsizes:\n\t- 1\n', /^line 3: /],
    ['an unknown alias', 'name: *other\nsizes: []\n', /alias/i],
    ['nothing', '', /the file/],
    ['a list', '- 1\n', /line 1: the file must be of type object/],
    ['invalid UTF-8', Buffer.from([0x6e, 0xff, 0x6e]), /not UTF-8/],
    ['more than is read', `# ${'x'.repeat(1024 * 1024)}\n`, /larger than 1048576 bytes/],
    ['a number where a text should be', 'name: 1\nsizes: []\n', /line 1: name must be a string/],
    ['a text where a number should be', 'name: x\nsizes: ["1"]\n', /line 2: sizes\[0\] must be a number/],
  ])('refuses %s', async (_name, content, expected) => {
    expect((await faultsOf(readText(content)))[0]).toMatch(expected);
  });

  it('refuses aliases that multiply', async () => {
    const lines = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (let index = 1; index < 12; index += 1) {
      const [name, before] = [String.fromCharCode(97 + index), String.fromCharCode(96 + index)];
      lines.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(',')}]`);
    }
    expect(await faultsOf(readText(lines.join('\n')))).toEqual(['its aliases (*name) lead nowhere, or to too much']);
  });

  it.each([
    ['no file', 'absent.yml', 'there is no such file'],
    ['a folder', '.', 'it is not a file'],
  ])('refuses %s', async (_name, path, expected) => {
    expect(await faultsOf(readYamlFile(join(folder, path), { schema }))).toEqual([expected]);
  });

  describe('${NAME}', () => {
    const lookup = (name: string) => ({ USER_NAME: 'kim', TRICK: 'x\nsizes: [9]', DOLLAR: '$&${USER_NAME}' })[name];

    it('is replaced within texts, by text alone', async () => {
      expect(await readText('name: a ${USER_NAME}!${USER_NAME}\nsizes: []\n', { lookup })).toMatchObject({
        name: 'a kim!kim',
      });
      expect(await readText('name: ${TRICK}\nsizes: []\n', { lookup })).toEqual({ name: 'x\nsizes: [9]', sizes: [] });
      expect(await readText('name: ${DOLLAR}\nsizes: []\n', { lookup })).toMatchObject({ name: '$&${USER_NAME}' });
    });

    it('must be set, every one', async () => {
      const quoted = await faultsOf(readText('name: x${QUOTED}\nsizes: []\n', { lookup: () => '"hunter2"' }));
      expect(quoted).toEqual(['line 1: the environment variable QUOTED is in quotes; write its value without them']);
      const faults = await faultsOf(readText('name: ${A}${B}\nsizes: []\n', { lookup }));
      expect(faults.slice(0, 2)).toEqual([
        'line 1: the environment variable A is not set',
        'line 1: the environment variable B is not set',
      ]);
    });

    it('stays as it is where nothing is looked up', async () => {
      expect(await readText('name: ${USER_NAME}\nsizes: []\n')).toMatchObject({ name: '${USER_NAME}' });
    });
  });
});
