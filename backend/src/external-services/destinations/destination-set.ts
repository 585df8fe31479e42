import type { Destination } from '../../interfaces/destination';
import type { Runtime } from '../../interfaces/runtime';
import type { OutboundProxy } from '../http/outbound-proxy';
import { agentsFor } from '../http/upstream-agents';
import { UpstreamClient } from '../http/upstream-client';
import { AdEventsXDestination } from './adeventsx-destination';
import type { DestinationDefinition } from './destination-definition';
import { EventApiDestination } from './event-api-destination';
import { WebhookDestination } from './webhook-destination';

interface Made {
  readonly definition: string;
  readonly destination: Destination;
}

/** The destinations that there are now. Each has sockets of its own, so that one that hangs takes none from another. */
export class DestinationSet {
  private made: readonly Made[] = [];
  private destinations: readonly Destination[] = [];

  constructor(
    private readonly runtime: Pick<Runtime, 'now'>,
    private readonly proxy: OutboundProxy | null = null,
  ) {}

  current(): readonly Destination[] {
    return this.destinations;
  }

  /**
   * From now on there are these and no others; one whose definition has not changed stays the same object. Returns those that are
   * no longer there: whoever sends to them closes them once it has done with them.
   */
  replace(definitions: readonly DestinationDefinition[]): Destination[] {
    const before = this.made;
    this.made = definitions.map((definition) => {
      const text = JSON.stringify(definition);
      return (
        before.find((made) => made.definition === text) ?? {
          definition: text,
          destination: this.make(definition),
        }
      );
    });
    this.destinations = this.made.map(({ destination }) => destination);
    return before.filter((made) => !this.made.includes(made)).map(({ destination }) => destination);
  }

  close(): void {
    for (const destination of this.destinations) destination.close();
  }

  private make(definition: DestinationDefinition): Destination {
    const maxSockets = definition.concurrency;
    const publicOnly = definition.type === 'webhook' && !definition.allowPrivateNetwork;
    const agents = agentsFor(definition.url, { maxSockets, proxy: this.proxy, publicOnly });
    const client = new UpstreamClient({ maxSockets, agents });
    switch (definition.type) {
      case 'adeventsx':
        return new AdEventsXDestination(definition, client);
      case 'event-api':
        return new EventApiDestination(definition, client);
      case 'webhook':
        return new WebhookDestination(definition, client, this.runtime);
    }
  }
}
