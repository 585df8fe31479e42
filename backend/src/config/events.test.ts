import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCatalogueFile } from './events';

const SHIPPED = join(__dirname, '../../../config/events.yml');

describe('readCatalogueFile', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'catalogue-file-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function read(content: string, lookup?: (name: string) => string | undefined) {
    const path = join(folder, 'events.yml');
    await writeFile(path, content);
    return readCatalogueFile(path, lookup);
  }

  it('reads the shipped catalogue', async () => {
    const entries = await readCatalogueFile(SHIPPED);
    expect(entries.map(({ name, points, requires }) => [name, points, requires])).toEqual([
      ['purchase', 10, ['value', 'campaign_id']],
      ['lead', 5, ['campaign_id']],
      ['login', 1, []],
      ['referral', 20, []],
      ['scheduled', 0, []],
    ]);
    expect(entries[0]?.description).toBe('A completed order');
  });

  it('needs nothing but a name', async () => {
    expect(await read('events:\n  - name: a\n')).toEqual([{ name: 'a', description: '', points: 0, requires: [] }]);
  });

  it('takes ${NAME} from what is looked up', async () => {
    const [entry] = await read('events:\n  - name: ${WHAT}_done\n', () => 'order');
    expect(entry?.name).toBe('order_done');
  });

  it.each([
    ['no events', 'events: []\n', 'line 1: events must not be empty'],
    ['no list of events', '{}\n', 'line 1: events is missing'],
    ['no name', 'events:\n  - points: 1\n', 'line 2: events[0].name is missing'],
    ['a name with a space', 'events:\n  - name: a b\n', 'line 2: events[0].name must be 1 to 64'],
    ['a name that begins with a digit', 'events:\n  - name: 1a\n', 'line 2: events[0].name must be 1 to 64'],
    ['a name that is too long', `events:\n  - name: ${'a'.repeat(65)}\n`, 'line 2: events[0].name must be 1 to 64'],
    ['a name that YAML takes for a number', 'events:\n  - name: 12\n', 'line 2: events[0].name must be a text'],
    ['a name twice', 'events:\n  - name: a\n  - name: b\n  - name: a\n', 'line 4: events[2] has the name of another'],
    [
      'a name twice in another case',
      'events:\n  - name: Sign_Up\n  - name: sign_up\n',
      'line 3: events[1] has the name of another',
    ],
    [
      'points between whole numbers',
      'events:\n  - name: a\n    points: 1.5\n',
      'line 3: events[0].points must be a whole number',
    ],
    ['negative points', 'events:\n  - name: a\n    points: -1\n', 'line 3: events[0].points must be a whole number'],
    [
      'points beyond reason',
      'events:\n  - name: a\n    points: 1e300\n',
      'line 3: events[0].points must be a whole number',
    ],
    [
      'points that are no number',
      'events:\n  - name: a\n    points: .nan\n',
      'line 3: events[0].points must be a whole number',
    ],
    ['points as a text', 'events:\n  - name: a\n    points: "1"\n', 'line 3: events[0].points must be a whole number'],
    [
      'a field that no event has',
      'events:\n  - name: a\n    requires: [price]\n',
      'line 3: events[0].requires[0] must be one of value,',
    ],
    [
      'a field twice',
      'events:\n  - name: a\n    requires: [value, value]\n',
      'line 3: events[0].requires[1] is there twice',
    ],
    ['an unknown key', 'events:\n  - name: a\n    score: 1\n', 'line 3: events[0].score is not known here'],
    ['an entry that is only a name', 'events:\n  - purchase\n', 'line 2: events[0] must be a mapping'],
  ])('refuses %s', async (_name, content, expected) => {
    await expect(read(content)).rejects.toMatchObject({ faults: [expect.stringContaining(expected)] });
  });
});
