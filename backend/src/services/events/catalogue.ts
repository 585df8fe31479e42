import type { CatalogueEntry } from '../../types/event';

/**
 * The known event names. One instance lives as long as the process; a reload replaces its entries
 * at once.
 */
export class Catalogue {
  private entries: ReadonlyMap<string, CatalogueEntry> = new Map();

  constructor(entries: readonly CatalogueEntry[]) {
    this.replace(entries);
  }

  replace(entries: readonly CatalogueEntry[]): void {
    this.entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  find(name: string): CatalogueEntry | undefined {
    return this.entries.get(name);
  }

  names(): string[] {
    return [...this.entries.keys()];
  }
}
