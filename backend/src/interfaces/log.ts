/** One structured line per fact: fields first, then the fact's name (`delivery.attempted`). pino satisfies it. */
export interface Log {
  debug(fields: object, fact: string): void;
  info(fields: object, fact: string): void;
  warn(fields: object, fact: string): void;
  error(fields: object, fact: string): void;
}
