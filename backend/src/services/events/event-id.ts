import { hash } from 'node:crypto';

const DASHED_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The namespace of ids made from a client and its idempotency key. It never changes: equal keys
 * must give equal ids.
 */
const IDEMPOTENCY_NAMESPACE = '15ae9ac3-ebc9-4042-a01d-c3ed401ddba6';

/**
 * The UUID in lower case; null for anything but the dashed form (RFC 9562, section 4), of any
 * version, nil and max included.
 */
export function canonicalUuid(text: string): string | null {
  return DASHED_UUID.test(text) ? text.toLowerCase() : null;
}

/** The id of an event from its client and idempotency key: the same two always give the same id. */
export function uuidV5(clientId: string, idempotencyKey: string): string {
  // The length marks where the client ends, so that no two pairs give one name.
  return nameBasedUuid(IDEMPOTENCY_NAMESPACE, `${clientId.length}:${clientId}:${idempotencyKey}`);
}

/**
 * UUIDv5 (RFC 9562, section 5.5): SHA-1 of the namespace's bytes and the name in UTF-8. `namespace`
 * must be a UUID.
 */
export function nameBasedUuid(namespace: string, name: string): string {
  const input = Buffer.concat([Buffer.from(namespace.replaceAll('-', ''), 'hex'), Buffer.from(name, 'utf8')]);
  const digest = hash('sha1', input, 'hex');
  const variantDigit = ((Number.parseInt(digest.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `5${digest.slice(13, 16)}`,
    `${variantDigit}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
}
