import type { Request } from 'express';

const WAIT_MAX_SECONDS = 30;

/** One preference with its parameters: what stands between two commas, those in a quoted string aside. */
const PREFERENCE = /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g;
const WAIT = /^\s*wait\s*=\s*(?:(\d+)|"(\d+)")\s*(?:;|$)/i;

/**
 * `Prefer: wait=N` in whole seconds (RFC 7240, section 4.3), capped; null without it. Of several the first counts; what cannot be
 * understood is ignored, as the RFC asks.
 */
export function preferredWait(request: Request): number | null {
  const header = request.headers['prefer'] ?? '';
  const preferences = (Array.isArray(header) ? header.join(',') : header).match(PREFERENCE) ?? [];
  for (const preference of preferences) {
    const match = WAIT.exec(preference);
    if (match !== null) return Math.min(Number(match[1] ?? match[2]), WAIT_MAX_SECONDS);
  }
  return null;
}
