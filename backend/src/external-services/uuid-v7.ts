/** Bytes drawn at once: a call for random bytes costs more than the id that is made of them. */
const POOL_BYTES = 4096;

/** The counter spans rand_a (12 bits) and the first 6 bits of rand_b. */
const COUNTER_LIMIT = 2 ** 18;
/** A fresh counter starts in the lower half, so that at least 2^17 ids fit in its millisecond. */
const COUNTER_SEED_MASK = 2 ** 17 - 1;

const MAX_TIMESTAMP = 2 ** 48 - 1;

/**
 * Makes a generator of UUIDv7 (RFC 9562, section 5.7) whose ids always grow, also within a millisecond and when the clock steps
 * back (section 6.2, method 1: a counter with a random start; the last timestamp is kept until the clock has passed it, and goes
 * on by itself when the counter is used up). The 56 bits after the counter are random in every id. `now` is in epoch
 * milliseconds, `randomBytes` must be fit for secrets.
 */
export function createUuidV7(now: () => number, randomBytes: (size: number) => Buffer): () => string {
  let pool = randomBytes(POOL_BYTES);
  let used = 0;
  let timestamp = -1;
  let timestampHex = '';
  let counter = 0;

  function drawHex(bytes: number): string {
    if (used + bytes > POOL_BYTES) {
      pool = randomBytes(POOL_BYTES);
      used = 0;
    }
    used += bytes;
    return pool.toString('hex', used - bytes, used);
  }

  return () => {
    const present = Math.min(Math.max(Math.floor(now()), 0), MAX_TIMESTAMP);
    counter++;
    if (present > timestamp || counter === COUNTER_LIMIT) {
      timestamp = Math.max(present, timestamp + 1);
      timestampHex = hex(timestamp, 12);
      counter = Number.parseInt(drawHex(3), 16) & COUNTER_SEED_MASK;
    }
    return formatUuidV7(timestampHex, counter, drawHex(7));
  };
}

function formatUuidV7(timestamp: string, counter: number, random: string): string {
  const version = hex(0x7000 | (counter >>> 6), 4);
  const variant = hex(0x80 | (counter & 0x3f), 2) + random.slice(0, 2);
  return `${timestamp.slice(0, 8)}-${timestamp.slice(8)}-${version}-${variant}-${random.slice(2)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
