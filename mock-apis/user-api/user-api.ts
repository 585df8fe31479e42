import { Router } from 'express';
import { sendJson } from '../json-answer';
import type { RouteCounts } from '../route-counter';
import type { MockSettings } from '../settings-table';
import { SimulatedRoute, type RouteAnswer, type RouteConduct } from '../simulated-route';
import { findUser, postsOf } from './user-data';

const sources = ['profile', 'posts', 'analytics'] as const;
type Source = (typeof sources)[number];

const failureNames: ReadonlyMap<number, string> = new Map([
  [404, 'not_found'],
  [429, 'rate_limited'],
  [500, 'internal_error'],
  [502, 'bad_gateway'],
  [503, 'service_unavailable'],
  [504, 'gateway_timeout'],
]);

function failureBody(status: number): unknown {
  return { error: failureNames.get(status) ?? 'upstream_error', message: 'a simulated failure', status };
}

/** The simulated user API. */
export class UserApi {
  private readonly routes: Readonly<Record<Source, SimulatedRoute>>;

  constructor(private readonly settings: () => MockSettings) {
    const route = (source: Source): SimulatedRoute =>
      new SimulatedRoute(`userApi.${source}`, () => settings().seed, failureBody);
    this.routes = { profile: route('profile'), posts: route('posts'), analytics: route('analytics') };
  }

  reset(): void {
    for (const source of sources) this.routes[source].reset();
  }

  counters(): Record<Source, RouteCounts> {
    const entries = sources.map((source) => [source, this.routes[source].counter.read()]);
    return Object.fromEntries(entries) as Record<Source, RouteCounts>;
  }

  clearCounters(): void {
    for (const source of sources) this.routes[source].counter.clear();
  }

  router(): Router {
    const router = Router();
    for (const source of sources) {
      router.get(`/api/users/:id/${source}`, (req, res) =>
        this.routes[source].run(req, res, this.conduct(source), () => this.answer(source, req.params.id ?? '')),
      );
    }
    router.get('/health', (_req, res) =>
      sendJson(res, 200, { status: 'ok', timestamp: new Date().toISOString(), uptime: process.uptime() }),
    );
    return router;
  }

  private conduct(source: Source): RouteConduct {
    const settings = this.settings().userApi;
    return {
      delayMs: settings.delayMs ?? settings[`${source}DelayMs`],
      failRate: settings.failRate ?? settings[`${source}FailRate`],
      failStatuses: settings.failStatuses ?? settings[`${source}FailStatuses`],
      dropRate: settings.dropRate,
      hangRate: settings.hangRate,
      slowRate: settings.slowRate,
      slowDelayMs: settings.slowDelayMs,
    };
  }

  private answer(source: Source, id: string): RouteAnswer {
    const user = findUser(id, this.settings().userApi.syntheticUsers);
    if (user !== null) return { status: 200, body: { data: user[source], status: 200 } };
    if (source === 'posts') return { status: 200, body: { data: postsOf(id), status: 200 } };
    return { status: 404, body: { error: 'not_found', message: 'there is no user with this id', status: 404 } };
  }
}
