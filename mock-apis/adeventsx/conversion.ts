import { isUtf8 } from 'node:buffer';

/** What AdEventsX takes: exactly these seven keys. */
export interface Conversion {
  readonly id: string;
  readonly user: string;
  readonly name: string;
  /** Seconds since 1970. */
  readonly ts: number;
  readonly value_cents: number;
  readonly campaign: string | null;
  readonly source: 'internal_martech';
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const checks: Readonly<Record<keyof Conversion, { ok: (value: unknown) => boolean; expects: string }>> = {
  id: { ok: (value) => typeof value === 'string' && UUID.test(value), expects: 'a UUID' },
  user: { ok: (value) => typeof value === 'string', expects: 'a string' },
  name: { ok: (value) => typeof value === 'string', expects: 'a string' },
  ts: { ok: Number.isSafeInteger, expects: 'an integer' },
  value_cents: { ok: (value) => Number.isSafeInteger(value) && Number(value) >= 0, expects: 'an integer from 0' },
  campaign: { ok: (value) => value === null || typeof value === 'string', expects: 'a string or null' },
  source: { ok: (value) => value === 'internal_martech', expects: '"internal_martech"' },
};
const entries = Object.entries(checks);

type Reading =
  | { readonly conversion: Conversion; readonly id: string; readonly fault: null }
  /** `id` is set when the body has one, so that refused calls can be told apart too. */
  | { readonly conversion: null; readonly id: string | null; readonly fault: string };

function parse(body: Buffer): unknown {
  if (!isUtf8(body)) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The conversion in a body, or why there is none. */
export function readConversion(body: Buffer): Reading {
  const value = parse(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { conversion: null, id: null, fault: 'the body must be a JSON object in UTF-8' };
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const id = typeof fields['id'] === 'string' ? fields['id'].slice(0, 128) : null;
  for (const [key, { ok, expects }] of entries) {
    if (!Object.hasOwn(fields, key)) return { conversion: null, id, fault: `${key} is missing` };
    if (!ok(fields[key])) return { conversion: null, id, fault: `${key} must be ${expects}` };
  }
  const extra = Object.keys(fields).find((key) => !Object.hasOwn(checks, key));
  if (extra !== undefined) return { conversion: null, id, fault: `${extra.slice(0, 64)} is not a key of a conversion` };
  const conversion = value as Conversion;
  return { conversion, id: conversion.id, fault: null };
}
