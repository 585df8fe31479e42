import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readClientsFile } from './clients';

const SHIPPED = join(__dirname, '../../../config/clients.yml');
const digest = (secret: string) => createHash('sha256').update(secret).digest('hex');
const DIGEST = digest('one');

describe('readClientsFile', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clients-file-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function read(entries: string, isProduction = false) {
    const path = join(folder, 'clients.yml');
    await writeFile(path, entries);
    return readClientsFile(path, { isProduction });
  }

  describe('the shipped file', () => {
    it('has the three public clients and the operator', async () => {
      const clients = await readClientsFile(SHIPPED, { isProduction: false });
      const scopes = ['events:write', 'events:read', 'users:read'];
      expect(clients).toEqual([
        { id: 'marketing-dashboard', isPublic: true, secretDigests: [], scopes },
        { id: 'analytics-pipeline', isPublic: true, secretDigests: [], scopes },
        { id: 'mobile-app', isPublic: true, secretDigests: [], scopes },
        {
          id: 'operator',
          isPublic: false,
          secretDigests: [Buffer.from(digest('operator-dev-secret'), 'hex')],
          scopes: ['events:write', 'events:read', 'events:read:all', 'users:read', 'ops:read', 'ops:write'],
        },
      ]);
    });

    it('is refused in production, entry by entry', async () => {
      const reading = readClientsFile(SHIPPED, { isProduction: true });
      await expect(reading).rejects.toMatchObject({
        faults: [
          expect.stringMatching(/clients\[0\].public is refused in production/),
          expect.stringMatching(/clients\[1\].public is refused in production/),
          expect.stringMatching(/clients\[2\].public is refused in production/),
          expect.stringMatching(/clients\[3\].secretSha256 is the secret that is shipped/),
        ],
      });
    });
  });

  it('takes one digest or two, in either case', async () => {
    const two = `clients:\n  - id: a\n    secretSha256: ["${DIGEST.toUpperCase()}", "${digest('two')}"]\n    scopes: [ops:read]\n`;
    const [client] = await read(two, true);
    expect(client?.secretDigests.map((each) => each.toString('hex'))).toEqual([DIGEST, digest('two')]);
  });

  it('reads the file anew each time', async () => {
    const file = (id: string) => `clients:\n  - id: ${id}\n    public: true\n    scopes: [ops:read]\n`;
    expect((await read(file('a')))[0]?.id).toBe('a');
    expect((await read(file('b')))[0]?.id).toBe('b');
  });

  const client = (lines: string) => `clients:\n  - id: a\n${lines}`;
  const scopes = '    scopes: [events:write]\n';
  it.each([
    ['no clients', 'clients: []\n', 'line 1: clients must not be empty'],
    [
      'something beside the clients',
      `${client(`    public: true\n${scopes}`)}users: []\n`,
      'line 5: users is not known here',
    ],
    [
      'an unknown key',
      client(`    public: true\n${scopes}    role: admin\n`),
      'line 5: clients[0].role is not known here',
    ],
    [
      'an unknown scope',
      client('    public: true\n    scopes: [events:write, admin]\n'),
      'line 4: clients[0].scopes[1] must be one of events:write,',
    ],
    [
      'a scope twice',
      client('    public: true\n    scopes: [ops:read, ops:read]\n'),
      'line 4: clients[0].scopes[1] is there twice',
    ],
    ['no scopes', client('    public: true\n    scopes: []\n'), 'line 4: clients[0].scopes must not be empty'],
    ['neither a secret nor public', client(scopes), 'line 2: clients[0] must have secretSha256, or public: true'],
    [
      'public: false without a secret',
      client(`    public: false\n${scopes}`),
      'line 2: clients[0] must have secretSha256',
    ],
    [
      'both',
      client(`    public: true\n    secretSha256: ["${DIGEST}"]\n${scopes}`),
      'line 3: clients[0].public must go, or secretSha256 must',
    ],
    ['public as a text', client(`    public: "true"\n${scopes}`), 'line 3: clients[0].public must be true or false'],
    [
      'a secret in the clear',
      client(`    secretSha256: ["hunter2"]\n${scopes}`),
      'line 3: clients[0].secretSha256[0] must be the 64 hex digits',
    ],
    [
      'a digest that YAML takes for a number',
      client(`    secretSha256: [${'1'.repeat(64)}]\n${scopes}`),
      'line 3: clients[0].secretSha256[0] must be a text',
    ],
    ['no digest', client(`    secretSha256: []\n${scopes}`), 'line 3: clients[0].secretSha256 must hold one digest'],
    [
      'three digests',
      client(`    secretSha256: ["${DIGEST}", "${digest('2')}", "${digest('3')}"]\n${scopes}`),
      'line 3: clients[0].secretSha256 must hold one digest',
    ],
    [
      'a digest twice',
      client(`    secretSha256: ["${DIGEST}", "${DIGEST}"]\n${scopes}`),
      'line 3: clients[0].secretSha256[1] is there twice',
    ],
    [
      'an id with a colon',
      'clients:\n  - id: "a:b"\n    public: true\n    scopes: [ops:read]\n',
      'line 2: clients[0].id must be 1 to 64',
    ],
    [
      'an id that is too long',
      `clients:\n  - id: ${'a'.repeat(65)}\n    public: true\n    scopes: [ops:read]\n`,
      'line 2: clients[0].id must be 1 to 64',
    ],
    [
      'an id twice',
      `${client(`    public: true\n${scopes}`)}  - id: a\n    public: true\n${scopes}`,
      'line 5: clients[1] has the id of another client',
    ],
  ])('refuses %s', async (_name, content, expected) => {
    await expect(read(content)).rejects.toMatchObject({ faults: [expect.stringContaining(expected)] });
  });

  it('shows no value of the file', async () => {
    const error = await read(client(`    secretSha256: ["hunter2", hunter2]\n${scopes}`)).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(error)).toContain('64 hex digits');
    expect(String(error)).not.toContain('hunter2');
  });
});
