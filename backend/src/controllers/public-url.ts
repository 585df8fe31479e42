import type { Response } from 'express';

/** The address of a path as clients reach it: below PUBLIC_URL where that is set, which app.ts keeps among its locals. */
export function linkTo(response: Response, path: string): string {
  return `${response.app.locals['publicUrl'] as string}${path}`;
}
