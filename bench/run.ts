import { acceptScenario } from './scenarios/accept';
import { deliverScenario } from './scenarios/deliver';
import { diskScenario } from './scenarios/disk';
import { importScenario } from './scenarios/import';
import { queriesScenario } from './scenarios/queries';
import { repeatsScenario } from './scenarios/repeats';
import { usersScenario } from './scenarios/users';

/**
 * `npm run bench [-- name …]`: the scenarios, one after the other. Machines differ and are shared, so what counts are the ratios, each taken
 * within this one run.
 */
const SCENARIOS: Readonly<Record<string, () => Promise<void>>> = {
  disk: diskScenario,
  accept: acceptScenario,
  repeats: repeatsScenario,
  deliver: deliverScenario,
  users: usersScenario,
  queries: queriesScenario,
  import: importScenario,
};

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !(name in SCENARIOS));
  if (unknown.length > 0) {
    throw new Error(`no scenario ${unknown.join(', ')}; there are: ${Object.keys(SCENARIOS).join(', ')}`);
  }
  console.log(`node ${process.version}, ${String((await import('node:os')).availableParallelism())} cores\n`);
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(name);
    await scenario();
    console.log('');
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
