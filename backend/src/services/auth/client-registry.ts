import { createHash, timingSafeEqual } from 'node:crypto';
import type { Client } from '../../types/auth';

/**
 * Compared where a client has fewer than two secrets, so that every check costs the same. No known
 * text has this SHA-256.
 */
const NO_DIGEST = Buffer.alloc(32);

/** The present clients. */
export class ClientRegistry {
  private clients: ReadonlyMap<string, Client> = new Map();
  private currentGeneration = 0;

  constructor(clients: readonly Client[]) {
    this.replace(clients);
  }

  /** Grows with each replacement: a verdict of an older generation must be checked again. */
  get generation(): number {
    return this.currentGeneration;
  }

  /** Replaces all clients; tokens of removed clients are refused from now on. */
  replace(clients: readonly Client[]): void {
    this.clients = new Map(clients.map((client) => [client.id, client]));
    this.currentGeneration += 1;
  }

  find(id: string): Client | null {
    return this.clients.get(id) ?? null;
  }

  /**
   * The client, if it is one and one of the readings of what was sent is its secret; a public
   * client needs none. Takes the same time whether or not there is such a client, whichever of its
   * secrets was given, and however much of it was right.
   */
  authenticate(id: string, readings: readonly string[]): Client | null {
    const client = this.clients.get(id);
    const [first = NO_DIGEST, second = NO_DIGEST] = client?.secretDigests ?? [];
    let isRight = false;
    for (const reading of readings) {
      const given = createHash('sha256').update(reading).digest();
      const isFirst = timingSafeEqual(given, first);
      const isSecond = timingSafeEqual(given, second);
      isRight = isFirst || isSecond || isRight;
    }
    if (client === undefined) return null;
    return client.isPublic || isRight ? client : null;
  }
}
