import type { PossibleDuplicateReason } from '../../types/delivery';

/** How often, and why, each destination may have processed an attempt that we could not record as delivered: since this process started. */
export class PossibleDuplicates {
  private readonly counts = new Map<string, Map<PossibleDuplicateReason, number>>();

  add(destination: string, reason: PossibleDuplicateReason, count = 1): void {
    let reasons = this.counts.get(destination);
    if (reasons === undefined) {
      reasons = new Map();
      this.counts.set(destination, reasons);
    }
    reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  }

  of(destination: string): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counts.get(destination) ?? []);
  }
}
