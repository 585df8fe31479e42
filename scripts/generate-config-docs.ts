/**
 * Writes `.env.example` and `docs/configuration.md` from the table of settings
 * (backend/src/config/settings.ts). With `--check` it writes nothing and fails when one of them is not
 * what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../backend/src/config/config';
import { SETTING_GROUPS } from '../backend/src/config/settings';
import type { Setting } from '../backend/src/config/setting-rules';

const ROOT = packageRoot();
const groups: [string, Setting<unknown>[]][] = Object.entries(SETTING_GROUPS).map(([title, settings]) => [
  title,
  Object.values<Setting<unknown>>(settings),
]);

const UNITS: readonly [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** The default as text for an environment variable; empty where there is none. */
function written({ fallback, shownDefault }: Setting<unknown>): string {
  if (typeof fallback === 'number') return String(fallback);
  if (typeof fallback === 'string') return fallback;
  return /^`([^`]*)`/.exec(shownDefault ?? '')?.[1] ?? '';
}

/** `3600000 (1 h)` */
function shownDefault(setting: Setting<unknown>): string {
  if (setting.shownDefault !== undefined) return setting.shownDefault;
  const text = `\`${written(setting)}\``;
  const unit = UNITS.find(([ms]) => Number(setting.fallback) >= ms && Number(setting.fallback) % ms === 0);
  const isTime = setting.name.endsWith('_MS') && unit !== undefined;
  return isTime ? `${text} (${String(Number(setting.fallback) / unit[0])} ${unit[1]})` : text;
}

function envExample(): string {
  const sections = groups.map(([title, settings]) => {
    const lines = settings.map((setting) => {
      const meaning = setting.meaning.replaceAll('`', '');
      const preset = shownDefault(setting).replaceAll('`', '');
      return `# ${meaning}\n#   Value: ${setting.rule.expects}. Default: ${preset}.\n#${setting.name}=${written(setting)}\n`;
    });
    return `# ---- ${title} ----\n\n${lines.join('\n')}`;
  });
  return [
    '# Every setting with its default. Written by scripts/generate-config-docs.ts from backend/src/config/settings.ts.',
    '# Copy it to .env, take the # away before what you set, and start with: node --env-file=.env dist/backend/src/server.js',
    '',
    sections.join('\n'),
  ].join('\n');
}

const cell = (text: string) => text.replaceAll('|', '\\|');

function page(): string {
  const sections = groups.map(([title, settings]) => {
    const rows = settings.map((setting) => {
      const cells = [`\`${setting.name}\``, shownDefault(setting), setting.rule.expects, setting.meaning];
      return `| ${cells.map(cell).join(' | ')} |`;
    });
    return `## ${title}\n\n| setting | default | value | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `${INTRODUCTION}\n${sections.join('\n')}\n${FILES}`;
}

const INTRODUCTION = `# Configuration

<!-- Written by scripts/generate-config-docs.ts from backend/src/config/settings.ts. -->

Sluice takes its settings from the environment and checks every one when it starts. If some are wrong it does not start, and names
all of them at once: what each was (never the value of a secret) and what would be right. An empty or blank variable counts as unset;
times are in milliseconds; a relative path starts at the working directory. \`.env.example\` holds all of them, ready to be copied.

Some settings depend on each other, which is checked too: \`LEASE_MS\` is at least \`ATTEMPT_TIMEOUT_MS\` and a second more, so that no
attempt outlives its lease; with \`ADEVENTSX_URL\` comes \`ADEVENTSX_API_KEY\`; and
\`METRICS_PORT\` is not \`PORT\`.
`;

const FILES = `## Files

All are YAML. A fault stops the start and is named with its line; all faults of a file are told at once. On SIGHUP the files are read
again, and a faulty one changes nothing. In \`EVENTS_FILE\` and \`DESTINATIONS_FILE\`, \`\${NAME}\` within a text stands for that environment
variable, which must be set.

### \`CLIENTS_FILE\`

\`\`\`yaml
clients:
  - id: shop
    # printf %s "$secret" | sha256sum
    secretSha256: ["<64 hex digits>"]
    scopes: [events:write, events:read]
\`\`\`

- \`id\`: 1 to 64 of \`A-Z a-z 0-9 . _ -\`, each once.
- \`secretSha256\`: the SHA-256 of the secret in hex. List two while the secret is being rotated: first add the new one, then give it to
  the client, then take the old one away. Since a plain SHA-256 protects only a secret that cannot be guessed, let a machine make it:
  \`openssl rand -hex 32\`. Its letters and digits mean the same in a header, a form, a URL and a shell, encoded or not.
- \`public: true\` in place of \`secretSha256\`: the id alone gets a token. Refused in production, as is the operator's secret of the
  shipped file; so production needs a file of its own.
- \`scopes\`: of \`events:write\`, \`events:read\` (the client's own events), \`events:read:all\`, \`users:read\`, \`ops:read\`, \`ops:write\`.

A client that is taken out of the file is refused from the next reading on, also with a token that has not expired; a scope that is
taken from it no longer counts in its tokens. A new secret alone does not end the tokens that were given for the old one: they expire
within the hour.

### \`EVENTS_FILE\`

\`\`\`yaml
events:
  - name: purchase
    description: A completed order
    points: 10
    requires: [value, campaign_id]
\`\`\`

- \`name\`: 1 to 64 of \`A-Z a-z 0-9 . _ -\`, beginning with a letter; no two may differ in case alone.
- \`points\`: a whole number from 0 to 1000000, 0 when left out.
- \`requires\`: of \`value\`, \`currency\`, \`campaign_id\`, \`click_id\`; none when left out.
- \`negative: true\`: its \`value\` may be negative, from -1000000000, as that of a refund. Left out, it is 0 or more.

### Rotating \`JWT_SECRET\`

Set \`JWT_SECRET=new,old\` and restart: tokens are signed by the new secret and both are accepted. After an hour every token of the old
one has expired: set \`JWT_SECRET=new\` and restart. With several processes, first give all of them \`old,new\`, so that each accepts
what another already signs.
`;

/** What the generated files should hold, by their paths from the root of the repository. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return { '.env.example': envExample(), 'docs/configuration.md': page() };
}

function current(path: string): string | null {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return null;
  }
}

function main(isCheck: boolean): void {
  for (const [path, content] of Object.entries(generatedFiles())) {
    if (current(path) === content) continue;
    if (isCheck) {
      console.error(`${path} is not what backend/src/config/settings.ts says; run: npm run config:docs`);
      process.exitCode = 1;
    } else {
      writeFileSync(join(ROOT, path), content);
      console.log(`wrote ${path}`);
    }
  }
}

if (require.main === module) main(process.argv.includes('--check'));
