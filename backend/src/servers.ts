import { createApp, type AppParts } from './app';
import type { Config } from './config/config';
import type { SettingsKeys } from './config/settings-files';
import { HttpServer } from './http/http-server';
import type { EventLoopDelay } from './interfaces/event-loop-delay';
import { authenticate } from './middleware/authenticate';
import { limitRequests } from './middleware/limit-requests';
import { ROUTES } from './routes/openapi';
import { addressGroup } from './services/auth/address-group';
import { RequestLimits } from './services/auth/request-limits';
import type { TokenService } from './services/auth/token-service';
import { LoadShedder } from './services/operations/load-shedder';

/** More open requests than this are more than the memory is for. */
const REQUESTS_MAX = 4_096;

/** With no more requests open than this it is not our work that makes the event loop late: refusing them would help nobody. */
const REQUESTS_FEW = 64;

/** So many requests of one client or address may be open at a time. */
const OPEN_REQUESTS_MAX = 1_024;

export interface ServerParts extends Pick<AppParts, 'controllers' | 'observe' | 'runtime' | 'log'> {
  readonly keys: SettingsKeys;
  readonly tokens: TokenService;
  /** How long a stop waits for requests in flight. */
  readonly drainMs: number;
  readonly delay: EventLoopDelay;
}

/**
 * The server of the API, and beside it the one that METRICS_PORT asks for. The event loop is measured
 * while they run.
 */
export function createServers(config: Config, parts: ServerParts): Pick<HttpServer, 'start' | 'stop'> {
  const { runtime, keys, drainMs: stopTimeoutMs, delay, log } = parts;
  const { host, port, trustProxy, metricsPort, corsOrigins, rateLimitPerMinute: perMinute } = config;
  const limits = new RequestLimits(runtime, { perMinute, openMax: OPEN_REQUESTS_MAX });
  const limiting = limitRequests({ perMinute, limitOf: (key) => limits.of(key), addressGroup });
  const shedder = new LoadShedder(log);
  const isOverloaded = (): boolean => server.openRequests > (shedder.isShedding ? REQUESTS_FEW : REQUESTS_MAX);
  const publicUrl = config.publicUrl ?? '';
  const app: AppParts = {
    ...parts,
    routes: ROUTES,
    authenticate: (scope) => authenticate((token) => parts.tokens.verify(token), scope),
    limiting,
    publicUrl,
    corsOrigins,
    trustProxy,
    isOverloaded,
  };
  const common = { host, runtime, stopTimeoutMs, isBehindProxy: trustProxy !== false };
  const server: HttpServer = new HttpServer(createApp(app), { ...common, port, tls: keys.tls });
  keys.onNewTls = (pair) => server.replaceTls(pair);
  const open = ROUTES.filter(({ path }) => path === '/metrics').map((route) => ({
    ...route,
    scope: 'public' as const,
  }));
  const metricsApp = createApp({ ...app, routes: open, corsOrigins: [], isOverloaded: () => false });
  const metricsServer = new HttpServer(metricsApp, { ...common, port: metricsPort ?? 0, tls: null });
  return {
    start: async (): Promise<number> => {
      if (metricsPort !== null) log.info({ port: await metricsServer.start() }, 'metrics.listening');
      const listening = await server.start().catch(async (error: unknown) => {
        await metricsServer.stop();
        throw error;
      });
      delay.start((p99Ms) => shedder.sample(p99Ms));
      return listening;
    },
    stop: async (): Promise<void> => {
      await server.stop();
      delay.stop();
      await metricsServer.stop();
    },
  };
}
