import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { fetchToken, postEvents } from '../load';
import { type BenchServer, startServer } from '../processes';
import { CONNECTIONS, ROUND_SECONDS, sideBySide } from '../side-by-side';

/**
 * Posting events one at a time: the gateway, every answer after its fsync, next to Express that
 * only parses and answers.
 */
export async function acceptScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-accept-'));
  const servers: BenchServer[] = [];
  try {
    const bare = await startServer('bench/bare-express.js', 3910, '/health', { PORT: '3910' });
    servers.push(bare);
    const gateway = await startServer('backend/src/server.js', 3911, '/ready', {
      PORT: '3911',
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: '10000000',
      STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
    });
    servers.push(gateway);
    const token = await fetchToken(gateway.url);
    await sideBySide('POST /events', gateway, bare, (url) =>
      postEvents({ url, token, connections: CONNECTIONS, seconds: ROUND_SECONDS }),
    );
  } finally {
    for (const server of servers) await server.stop();
    rmSync(folder, { recursive: true });
  }
}
