import type { ClaimedDelivery } from '../../types/delivery';

/** One call carries at most so many bytes, whatever the contract allows. */
const CALL_MAX_BYTES = 1024 * 1024;
/** With each try a delivery travels in this much smaller company. */
const SMALLER_PER_TRY = 4;

/**
 * Divides deliveries into the calls that carry them, in order, none above `maxBatch`. Those that have failed before go in smaller
 * groups, by themselves in the end, so that one that makes a whole batch fail with a 5xx takes no others with it.
 */
export function groupForCalls(deliveries: readonly ClaimedDelivery[], maxBatch: number): ClaimedDelivery[][] {
  if (maxBatch === 1) return deliveries.map((delivery) => [delivery]);
  const groups: ClaimedDelivery[][] = [];
  const open = new Map<number, { readonly group: ClaimedDelivery[]; bytes: number }>();
  for (const delivery of deliveries) {
    const size = Math.max(1, Math.floor(maxBatch / SMALLER_PER_TRY ** (delivery.tries - 1)));
    const bytes = delivery.payload.length + 1;
    const present = open.get(size);
    if (present !== undefined && present.group.length < size && present.bytes + bytes <= CALL_MAX_BYTES) {
      present.group.push(delivery);
      present.bytes += bytes;
    } else {
      const group = [delivery];
      groups.push(group);
      open.set(size, { group, bytes });
    }
  }
  return groups;
}
