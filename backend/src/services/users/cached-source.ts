/**
 * One source behind its cache. What is kept outlives its freshness by far, so that there is something to show while the source is down;
 * its age is compared at reading. Kept invariants: at most one call per key in flight; only a confirmed absence is kept as one.
 */
import type { Cache } from '../../interfaces/cache';
import type { Runtime } from '../../interfaces/runtime';
import type { SourceReport } from '../../types/user';
import { deadline } from '../resilience/deadline';
import { Singleflight } from '../resilience/singleflight';
import type { Ask, SourceAnswer } from './source-retry';

const SECOND = 1_000;
const usualMaxAgeMs = 30 * SECOND;
/** Past its freshness by less than this, an answer is shown at once and asked for anew behind (RFC 5861, stale-while-revalidate). */
const revalidateMs = 30 * SECOND;
/** So long an old answer may stand in for a source that fails (RFC 5861, stale-if-error). */
const staleIfErrorMs = 24 * 60 * 60 * SECOND;
const absentMs = 10 * SECOND;
/** Times to live differ by up to this share, so that what was asked for together does not have to be asked for again together. */
const spread = 0.1;

/** The reason of a signal that aborts because the time for an answer is over; any other reason means that nobody waits any more. */
export const DEADLINE = 'deadline';

/** What is kept. `value` null: there is none. */
interface Entry<T> {
  readonly value: T | null;
  readonly storedAt: number;
  /** 1 − spread … 1 + spread. */
  readonly stretch: number;
}

export interface SourceReading<T> extends SourceReport {
  /** Null when there is none, or when it could not be had. */
  readonly value: T | null;
  /** Why it could not be had, or is stale: a short code; null otherwise. */
  readonly code: string | null;
}

/** What the cache holds under an id, and the answer that it makes without asking anybody; null where there is none. */
export interface Kept<T> {
  readonly entry: Entry<T> | null;
  readonly fresh: SourceReading<T> | null;
}

const NOTHING_KEPT = { entry: null, fresh: null } as const;

export interface ReadOptions {
  readonly requestId: string;
  /** How old a kept answer may be; null: the usual age, and a little more while it is asked for anew. */
  readonly maxAgeMs: number | null;
  /** Aborts with DEADLINE when the time is over. */
  readonly signal: AbortSignal;
}

export interface CachedSourceParts {
  readonly cache: Cache;
  readonly runtime: Runtime;
  /** How long one question to the source may take, with all its attempts. */
  readonly deadlineMs: number;
  /** Aborts when the gateway stops: ends what runs behind. */
  readonly stopping: AbortSignal;
}

export class CachedSource<T> {
  private readonly flights = new Singleflight<SourceAnswer<T>>();
  /** How far the calls in flight are, for those who cannot wait for their end. */
  private readonly progress = new Map<string, { attempts: number }>();
  private counted = { hits: 0, misses: 0, stale: 0 };

  constructor(
    private readonly name: string,
    private readonly fetch: Ask<T>,
    private readonly parts: CachedSourceParts,
  ) {}

  /** Answers given from the cache, asked from the source, and given from the cache though too old. */
  counts(): { readonly hits: number; readonly misses: number; readonly stale: number } {
    return { ...this.counted };
  }

  /** What is kept, and the answer that it makes when it is new enough: then nobody has to be asked. */
  async look(id: string, maxAgeMs: number | null): Promise<Kept<T>> {
    const entry = ((await this.parts.cache.get(this.keyOf(id))) as Entry<T> | undefined) ?? null;
    if (entry === null) return NOTHING_KEPT;
    const { value } = entry;
    const ageMs = this.ageOf(entry);
    if (!isFresh(entry, ageMs, maxAgeMs)) return { entry, fresh: null };
    this.counted.hits += 1;
    const status = value === null ? 'missing' : 'cached';
    return { entry, fresh: { status, value, attempts: 0, ageMs, code: null } };
  }

  /**
   * Never rejects, unless the signal aborts for another reason than DEADLINE: then with that reason.
   * @param kept what `look` has just found; left out, it is looked for
   */
  async read(id: string, options: ReadOptions, kept?: Kept<T>): Promise<SourceReading<T>> {
    const { entry, fresh } = kept ?? (await this.look(id, options.maxAgeMs));
    if (fresh !== null) return fresh;
    if (entry !== null && entry.value !== null && options.maxAgeMs === null) {
      const shownFor = usualMaxAgeMs * entry.stretch + revalidateMs;
      if (this.ageOf(entry) <= shownFor) {
        void this.ask(id, options.requestId, this.parts.stopping).catch(() => undefined);
        return this.stale(entry, 0, null);
      }
    }
    this.counted.misses += 1;
    return this.readAfresh(id, entry, options);
  }

  private async readAfresh(id: string, entry: Entry<T> | null, options: ReadOptions): Promise<SourceReading<T>> {
    const { signal, requestId } = options;
    const asked = this.ask(id, requestId, signal);
    const progress = this.progress.get(id);
    const answer = await asked.catch((error: unknown): SourceAnswer<T> => {
      if (!signal.aborted || signal.reason !== DEADLINE) throw error;
      return { kind: 'failed', code: DEADLINE, attempts: progress?.attempts ?? 0 };
    });
    const { attempts } = answer;
    if (answer.kind === 'found') return { status: 'fresh', value: answer.value, attempts, ageMs: 0, code: null };
    if (answer.kind === 'absent') return { status: 'missing', value: null, attempts, ageMs: 0, code: null };
    if (entry !== null && entry.value !== null) return this.stale(entry, attempts, answer.code);
    const status = answer.code === DEADLINE ? 'missing' : 'failed';
    return { status, value: null, attempts, ageMs: null, code: answer.code };
  }

  /** Joins or starts the one call for this id. It has a deadline of its own, since those who wait for it came at different times. */
  private ask(id: string, requestId: string, signal: AbortSignal): Promise<SourceAnswer<T>> {
    return this.flights.run(id, (shared) => this.call(id, requestId, shared), signal);
  }

  private async call(id: string, requestId: string, shared: AbortSignal): Promise<SourceAnswer<T>> {
    const progress = { attempts: 0 };
    this.progress.set(id, progress);
    const onAttempt = (attempts: number): void => {
      progress.attempts = attempts;
    };
    const limit = deadline(this.parts.runtime, this.parts.deadlineMs, shared, DEADLINE);
    try {
      const { signal } = limit;
      const remainingMs = (): number => limit.remainingMs();
      const answer = await this.fetch(id, { signal, remainingMs, requestId, onAttempt });
      await this.keep(id, answer);
      return answer.kind === 'failed' && signal.aborted ? { ...answer, code: DEADLINE } : answer;
    } finally {
      limit.clear();
      if (this.progress.get(id) === progress) this.progress.delete(id);
    }
  }

  private async keep(id: string, answer: SourceAnswer<T>): Promise<void> {
    if (answer.kind === 'failed') return;
    const { cache, runtime } = this.parts;
    const stretch = 1 + spread * (2 * runtime.random() - 1);
    const entry: Entry<T> = { value: answer.kind === 'found' ? answer.value : null, storedAt: runtime.now(), stretch };
    await cache.set(this.keyOf(id), entry, (entry.value === null ? absentMs : staleIfErrorMs) * stretch);
  }

  private keyOf(id: string): string {
    return `${this.name}:${id}`;
  }

  /** By the wall clock, since other processes may share the cache; one that was set back makes nothing younger than new. */
  private ageOf(entry: Entry<T>): number {
    return Math.max(0, this.parts.runtime.now() - entry.storedAt);
  }

  private stale(entry: Entry<T>, attempts: number, code: string | null): SourceReading<T> {
    this.counted.stale += 1;
    return { status: 'stale', value: entry.value, attempts, ageMs: this.ageOf(entry), code };
  }
}

/** RFC 9111, section 5.2.1.1: max-age says how old an answer may be; 0 means that none will do. */
function isFresh(entry: Entry<unknown>, ageMs: number, maxAgeMs: number | null): boolean {
  const allowedMs = maxAgeMs ?? usualMaxAgeMs * entry.stretch;
  return allowedMs > 0 && ageMs <= allowedMs && (entry.value !== null || ageMs <= absentMs);
}
