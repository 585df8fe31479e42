import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { json, type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { AdEventsX } from './adeventsx/adeventsx';
import { EventApi } from './event-api/event-api';
import { sendJson } from './json-answer';
import type { RouteCounts } from './route-counter';
import { defaultSettings, mergeSettings, SettingsError } from './settings';
import type { MockSettings, SettingsPatch } from './settings-table';
import { UserApi } from './user-api/user-api';

export interface MockCounters {
  readonly adeventsx: { readonly conversions: RouteCounts };
  readonly eventApi: Readonly<Record<string, RouteCounts>>;
  readonly userApi: Readonly<Record<string, RouteCounts>>;
}

/** The three simulated upstreams behind one HTTP server. */
export interface MockApis {
  /**
   * Listens; after a stop it listens on the same port again, as an upstream that was away. Rejects
   * if the port is taken.
   */
  start(): Promise<{ url: string; port: number }>;
  /** Ends every connection at once, answered or not. Harmless twice. */
  stop(): Promise<void>;
  settings(): MockSettings;
  /** Changes settings while it runs; throws a SettingsError and then has changed nothing. */
  set(patch: SettingsPatch): void;
  /**
   * As just started, but with the present settings: nothing remembered, scripts and dice from their
   * beginning.
   */
  reset(): void;
  counters(): MockCounters;
  readonly adeventsx: AdEventsX['log'];
  /** What the external event API took by `/addEvent`. */
  addEvents(): ReturnType<EventApi['receivedEvents']>;
}

const unknownRoute: RequestHandler = (req, res) =>
  sendJson(res, 404, {
    error: 'not_found',
    message: `${req.method} ${req.path} is no route of the simulated upstreams`,
  });

const refuse: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
  if (error instanceof SettingsError) {
    sendJson(res, 400, { error: 'invalid_settings', errors: error.faults });
    return;
  }
  const status: unknown = error instanceof Error && 'status' in error ? error.status : undefined;
  const isClients = typeof status === 'number' && status >= 400 && status < 500;
  const message = isClients && error instanceof Error ? error.message : 'the simulator itself failed';
  if (!isClients) console.error(error);
  sendJson(res, isClients ? status : 500, { error: isClients ? 'invalid_request' : 'internal_error', message });
};

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function createApp(apis: MockApis, routers: readonly RequestHandler[], clearCounters: () => void): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  for (const router of routers) app.use(router);
  app.get('/_control', (_req, res) => sendJson(res, 200, apis.settings()));
  app.put('/_control', json({ limit: '1mb' }), (req, res) => {
    // `set` checks every key of the body.
    apis.set(req.body as SettingsPatch);
    sendJson(res, 200, apis.settings());
  });
  app.post('/_control/reset', (_req, res) => {
    apis.reset();
    res.status(204).end();
  });
  app.get('/_counters', (_req, res) => sendJson(res, 200, apis.counters()));
  app.delete('/_counters', (_req, res) => {
    clearCounters();
    res.status(204).end();
  });
  app.use(unknownRoute);
  app.use(refuse);
  return app;
}

/**
 * The simulated upstreams, not yet listening. Throws a SettingsError that names every wrong
 * setting.
 */
export function createMockApis(given: SettingsPatch = {}): MockApis {
  let settings = mergeSettings(defaultSettings(), given, true);
  const current = (): MockSettings => settings;
  const adeventsx = new AdEventsX(current);
  const eventApi = new EventApi(current);
  const userApi = new UserApi(current);
  let server: Server | null = null;
  let { port } = settings;

  const apis: MockApis = {
    start: async () => {
      if (server !== null) throw new Error('the simulated upstreams are running already');
      const starting = createServer((req, res) => {
        if (adeventsx.isPost(req)) adeventsx.handlePost(req, res);
        else app(req, res);
      });
      // Longer than any client of ours keeps an idle connection, so that it is the client that
      // closes first.
      starting.keepAliveTimeout = 65_000;
      starting.maxConnections = 10_000;
      port = await listen(starting, settings.host, port);
      server = starting;
      const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
      return { url: `http://${host}:${port}`, port };
    },
    stop: async () => {
      const stopping = server;
      server = null;
      if (stopping === null) return;
      const closed = new Promise((resolve) => stopping.close(resolve));
      stopping.closeAllConnections();
      await closed;
    },
    settings: current,
    set: (patch) => {
      settings = mergeSettings(settings, patch, false);
      adeventsx.log.resize(settings.adeventsx.remember);
      eventApi.resize(settings.eventApi.remember);
    },
    reset: () => {
      for (const api of [adeventsx, eventApi, userApi]) api.reset();
    },
    counters: () => ({
      adeventsx: { conversions: adeventsx.counter.read() },
      eventApi: eventApi.counters(),
      userApi: userApi.counters(),
    }),
    adeventsx: adeventsx.log,
    addEvents: () => eventApi.receivedEvents(),
  };
  const clearCounters = (): void => {
    adeventsx.counter.clear();
    eventApi.clearCounters();
    userApi.clearCounters();
  };
  const app = createApp(apis, [adeventsx.router(), eventApi.router(), userApi.router()], clearCounters);
  return apis;
}
