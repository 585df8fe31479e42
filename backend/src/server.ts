import { ConfigError, loadConfig, type Config } from './config/config';
import { SettingsFilesError } from './config/yaml';
import { createGateway, type Gateway } from './gateway';
import { StoreUnavailableError } from './interfaces/event-store';
import { createLogger } from './logger';

/** The process: settings in, signals, exit codes. 0: stopped when asked to; 1: could not start, or had to give up. */

/** A reason why it cannot start that the message says in full. */
class StartError extends Error {}

function complain(error: unknown): void {
  const isExplained =
    error instanceof ConfigError || error instanceof SettingsFilesError || error instanceof StartError;
  const text = error instanceof Error ? (isExplained ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`sluice: ${text}\n`);
}

/** What is wrong where the store cannot be opened, or the system does not let us listen. */
function explain(error: unknown, { host, metricsPort, port: mainPort, store }: Config): unknown {
  if (error instanceof StoreUnavailableError) return new StartError(`STORE_URL was ${store.path}: ${error.message}.`);
  const { code, port = mainPort } = error as { code?: unknown; port?: number };
  const setting = port === metricsPort ? 'METRICS_PORT' : 'PORT';
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is in use; stop what listens there or set ${setting} to another.`,
    EACCES: `this user may not listen on port ${port}; set ${setting} to one above 1023.`,
    EADDRNOTAVAIL: `HOST was ${host}; it must be an address of this machine.`,
    ENOTFOUND: `HOST was ${host}; it must be an address of this machine, and no address of that name is known.`,
  };
  const reason = typeof code === 'string' && Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  return reason === undefined ? error : new StartError(reason);
}

/** A second SIGINT within this time is taken for an echo of the first. */
const REPEAT_MS = 500;

async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLogger(config.logLevel);
  let exitCode = 0;
  let stopping: Promise<void> | null = null;
  let stoppingSince = 0;

  const stop = (gateway: Gateway, why: string, code: number): void => {
    if (stopping !== null) {
      // One Ctrl-C reaches a process under npm twice, at once.
      if (why === 'SIGINT' && performance.now() - stoppingSince < REPEAT_MS) return;
      // Asked twice: whoever waits has lost patience.
      process.exit(code === 0 ? 130 : code);
    }
    stoppingSince = performance.now();
    exitCode = code;
    log.info({ why }, 'gateway.stopping');
    stopping = gateway.stop().catch((error: unknown) => {
      log.error({ err: error }, 'gateway.stop_failed');
      exitCode = 1;
    });
    void stopping.then(() => process.exit(exitCode));
  };

  const gateway: Gateway = createGateway(config, {
    log,
    onFatal: (error) => {
      log.error({ err: error }, 'gateway.fatal');
      stop(gateway, 'fatal error', 1);
    },
  });
  for (const kind of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(kind, (error) => {
      log.error({ err: error, kind }, 'gateway.uncaught');
      stop(gateway, kind, 1);
    });
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(gateway, signal, 0));
  process.on('SIGHUP', () => {
    gateway.reload().catch((error: unknown) => log.error({ err: error }, 'settings.reload_failed'));
  });

  const { url } = await gateway.start().catch((error: unknown) => {
    throw explain(error, config);
  });
  log.info({ url, environment: config.environment, store: config.store.path }, 'gateway.started');
}

main().catch((error: unknown) => {
  complain(error);
  process.exit(1);
});
