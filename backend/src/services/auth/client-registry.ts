import { createHash, timingSafeEqual } from 'node:crypto';
import type { Client } from '../../types/auth';

/** Stands in where a client has fewer than two secrets, so that every check costs the same. It is no text's SHA-256 that anyone knows. */
const NO_DIGEST = Buffer.alloc(32);

/** The clients that there are now. */
export class ClientRegistry {
  private clients: ReadonlyMap<string, Client> = new Map();
  private currentGeneration = 0;

  constructor(clients: readonly Client[]) {
    this.replace(clients);
  }

  /** Grows with each replacement: what was found under an older one may no longer hold. */
  get generation(): number {
    return this.currentGeneration;
  }

  /** From now on there are these clients and no others; tokens of those that are gone are refused. */
  replace(clients: readonly Client[]): void {
    this.clients = new Map(clients.map((client) => [client.id, client]));
    this.currentGeneration += 1;
  }

  find(id: string): Client | null {
    return this.clients.get(id) ?? null;
  }

  /**
   * The client, if it is one and the secret is right; a public client needs none. Takes the same time whether or not there is such
   * a client, whichever of its secrets was given, and however much of it was right.
   */
  authenticate(id: string, secret: string | undefined): Client | null {
    const client = this.clients.get(id);
    const given = createHash('sha256')
      .update(secret ?? '')
      .digest();
    const [first = NO_DIGEST, second = NO_DIGEST] = client?.secretDigests ?? [];
    const isFirst = timingSafeEqual(given, first);
    const isSecond = timingSafeEqual(given, second);
    if (client === undefined) return null;
    if (client.isPublic) return client;
    return secret !== undefined && (isFirst || isSecond) ? client : null;
  }
}
