import type { EventStore } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import type { CircuitSnapshot } from '../resilience/circuit';

export interface Health {
  readonly status: 'ok';
  readonly timestamp: string;
  /** Seconds since the start. */
  readonly uptime: number;
  readonly environment: string;
  readonly version: string;
}

export interface PartReadiness {
  readonly status: 'ready' | 'not_ready';
  readonly detail?: string;
}

export interface Readiness {
  readonly status: 'ready' | 'not_ready';
  readonly parts: Readonly<Record<string, PartReadiness>>;
}

export interface HealthServiceParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly environment: string;
  readonly version: string;
  /** The circuits of every destination and read source, by name. */
  readonly circuits: () => Record<string, CircuitSnapshot>;
  /** For how long nothing old is removed because the clock is in doubt; 0: it is not. */
  readonly retentionHeldForMs: () => number;
}

/** The store is asked at most this often, however many ask us: the route needs no token. */
const CHECK_EVERY_MS = 1_000;

/** Says whether the gateway lives, and whether it can take events. */
export class HealthService {
  private readonly startedAt: number;
  private isStopping = false;
  private lastCheck: { readonly at: number; readonly result: Promise<PartReadiness> } | null = null;

  constructor(private readonly parts: HealthServiceParts) {
    this.startedAt = parts.runtime.monotonic();
  }

  /** From now on not ready: whoever balances the load sends us nothing more. */
  stopping(): void {
    this.isStopping = true;
  }

  health(): Health {
    const { runtime, environment, version } = this.parts;
    const uptime = Math.round(runtime.monotonic() - this.startedAt) / 1000;
    return { status: 'ok', timestamp: new Date(runtime.now()).toISOString(), uptime, environment, version };
  }

  /** Ready only while the store commits. An open circuit does not matter: events are taken and wait. */
  async ready(): Promise<Readiness> {
    const store = await this.checkStore();
    const server: PartReadiness = this.isStopping ? { status: 'not_ready', detail: 'stopping' } : { status: 'ready' };
    const status = store.status === 'ready' && server.status === 'ready' ? 'ready' : 'not_ready';
    return { status, parts: { server, store, ...this.retention() } };
  }

  circuits(): Record<string, CircuitSnapshot> {
    return this.parts.circuits();
  }

  /** Named only while it is held: nothing waits for it, but the disk fills and somebody may have to set a clock. */
  private retention(): Record<string, PartReadiness> {
    const heldForMs = this.parts.retentionHeldForMs();
    if (heldForMs === 0) return {};
    const hours = Math.ceil(heldForMs / 3_600_000);
    const detail = `nothing is removed for another ${String(hours)} h of running: the wall clock moved by more than a day, or no gateway ran`;
    return { retention: { status: 'ready', detail } };
  }

  private checkStore(): Promise<PartReadiness> {
    const now = this.parts.runtime.monotonic();
    if (this.lastCheck === null || now - this.lastCheck.at >= CHECK_EVERY_MS) {
      const result = this.parts.store.upkeep.check().then(
        (): PartReadiness => ({ status: 'ready' }),
        (): PartReadiness => ({ status: 'not_ready', detail: 'the store cannot commit' }),
      );
      this.lastCheck = { at: now, result };
    }
    return this.lastCheck.result;
  }
}
