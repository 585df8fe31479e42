import { openConnection } from '../../src/external-services/stores/sqlite/connection';
import { migrate } from '../../src/external-services/stores/sqlite/migrations';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { silentLog } from './sqlite-files';

/** What it is started with. */
export type MigratorArguments = readonly [path: string, folder: string];

/** Started by sqlite-migrations.test.ts: runs migrations of which one may call die(), which kills this process there and then. */
async function run(path: string, folder: string): Promise<void> {
  const connection = await openConnection({ path, log: silentLog, runtime: systemRuntime, busyTimeoutMs: 1000 });
  connection.database.function('die', () => process.kill(process.pid, 'SIGKILL'));
  migrate(connection, folder, silentLog);
}

const [path = '', folder = ''] = process.argv.slice(2);
void run(path, folder);
