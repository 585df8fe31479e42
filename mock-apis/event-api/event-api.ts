import { json, Router, type Request, type Response } from 'express';
import { sendJson } from '../json-answer';
import { Ring } from '../ring';
import type { RouteCounts } from '../route-counter';
import type { EventApiSettings, MockSettings } from '../settings-table';
import { SimulatedRoute, type RouteAnswer, type RouteConduct } from '../simulated-route';
import { events, users, type ExternalEvent, type ExternalUser } from './event-data';

/** An event that `POST /addEvent` took, with every field it came with. */
export interface ReceivedEvent extends ExternalEvent {
  readonly received_at: string;
}

const routeNames = ['getUsers', 'getUserById', 'getEvents', 'getEventById', 'addEvent'] as const;
type RouteName = (typeof routeNames)[number];

function failureBody(status: number): unknown {
  const message = 'the event API is failing at the moment, try again later';
  return { success: false, error: status === 503 ? 'service_unavailable' : 'upstream_error', message };
}

/** Why a body is no event, or null when it is one. */
function faultOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return 'the body must be a JSON object, sent as application/json';
  }
  const fields = body as Readonly<Record<string, unknown>>;
  const wrong = ['id', 'name', 'userId'].find((key) => typeof fields[key] !== 'string' || fields[key] === '');
  return wrong === undefined ? null : `${wrong} must be a string that is not empty`;
}

/** The simulated external event API. */
export class EventApi {
  private readonly routes: Readonly<Record<RouteName, SimulatedRoute>>;
  private readonly received: Ring<ReceivedEvent>;
  /** Calls of `/addEvent`: what decides whether it succeeds. */
  private addEventCalls = 0;

  constructor(private readonly settings: () => MockSettings) {
    const route = (name: RouteName): SimulatedRoute =>
      new SimulatedRoute(`eventApi.${name}`, () => settings().seed, failureBody);
    this.routes = {
      getUsers: route('getUsers'),
      getUserById: route('getUserById'),
      getEvents: route('getEvents'),
      getEventById: route('getEventById'),
      addEvent: route('addEvent'),
    };
    this.received = new Ring(settings().eventApi.remember);
  }

  reset(): void {
    for (const name of routeNames) this.routes[name].reset();
    this.forget();
  }

  resize(remember: number): void {
    this.received.resize(remember);
  }

  counters(): Record<RouteName, RouteCounts> {
    const entries = routeNames.map((name) => [name, this.routes[name].counter.read()]);
    return Object.fromEntries(entries) as Record<RouteName, RouteCounts>;
  }

  clearCounters(): void {
    for (const name of routeNames) this.routes[name].counter.clear();
  }

  /** What `/addEvent` took, oldest first, and how many calls it had and refused. */
  receivedEvents(): { calls: number; accepted: number; refused: number; ids: string[]; received: ReceivedEvent[] } {
    const received = this.received.all();
    const accepted = this.received.count;
    const ids = received.map(({ id }) => id);
    return { calls: this.addEventCalls, accepted, refused: this.addEventCalls - accepted, ids, received };
  }

  router(): Router {
    const router = Router();
    const found = (body: unknown): RouteAnswer => ({ status: 200, body: body ?? null });
    router.get('/getUsers', (req, res) => this.read('getUsers', req, res, () => found(this.users())));
    router.get('/getUserById/:id', (req, res) =>
      this.read('getUserById', req, res, () => found(this.users().find(({ id }) => id === req.params.id))),
    );
    router.get('/getEvents', (req, res) => this.read('getEvents', req, res, () => found(this.events())));
    router.get('/getEventById/:id', (req, res) =>
      this.read('getEventById', req, res, () => found(this.events().find(({ id }) => id === req.params.id))),
    );
    router.post('/addEvent', json({ limit: '100kb' }), (req, res) => this.addEvent(req, res));
    router.get('/_received/addEvent', (_req, res) => sendJson(res, 200, this.receivedEvents()));
    router.delete('/_received/addEvent', (_req, res) => {
      this.forget();
      res.status(204).end();
    });
    return router;
  }

  private forget(): void {
    this.received.clear();
    this.addEventCalls = 0;
  }

  private read(name: Exclude<RouteName, 'addEvent'>, req: Request, res: Response, answer: () => RouteAnswer): void {
    const settings = this.settings().eventApi;
    const conduct: RouteConduct = {
      delayMs: settings[`${name}DelayMs`],
      failRate: settings.failRate,
      failStatuses: settings.failStatuses,
      dropRate: name === 'getEvents' ? settings.getEventsDropRate : 0,
      hangRate: settings.hangRate,
    };
    this.routes[name].run(req, res, conduct, answer);
  }

  private addEvent(req: Request, res: Response): void {
    const settings = this.settings().eventApi;
    const isFailing = this.nextAddEventFails(settings);
    const conduct: RouteConduct = {
      delayMs: isFailing ? settings.addEventFailDelayMs : settings.addEventDelayMs,
      failRate: isFailing ? 1 : 0,
      failStatuses: settings.addEventFailStatuses,
      dropRate: 0,
      hangRate: 0,
    };
    this.routes.addEvent.run(req, res, conduct, () => this.take(req.body));
  }

  private nextAddEventFails({ addEventSuccesses, addEventFailures }: EventApiSettings): boolean {
    const position = this.addEventCalls % (addEventSuccesses + addEventFailures);
    this.addEventCalls += 1;
    return position >= addEventSuccesses;
  }

  private take(body: unknown): RouteAnswer {
    const fault = faultOf(body);
    if (fault !== null) return { status: 400, body: { success: false, error: 'invalid_event', message: fault } };
    const event: ReceivedEvent = { ...(body as ExternalEvent), received_at: new Date().toISOString() };
    this.received.push(event);
    return { status: 200, body: { success: true, id: event.id, received_at: event.received_at } };
  }

  private added(): ReceivedEvent[] {
    return this.settings().eventApi.addEventIsVisible ? this.received.all() : [];
  }

  private events(): ExternalEvent[] {
    return [...events, ...this.added()];
  }

  private users(): ExternalUser[] {
    const added = this.added();
    return users.map((user) => ({
      ...user,
      events: [...user.events, ...added.filter(({ userId }) => userId === user.id).map(({ id }) => id)],
    }));
  }
}
