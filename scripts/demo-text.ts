/** What AdEventsX received, as the simulator tells it. */
export interface Arrival {
  readonly id: string;
  readonly user: string;
  readonly name: string;
  readonly value_cents: number;
  readonly campaign: string | null;
  readonly received_at: string;
}

/** What the demo is, and lines to paste: they need a shell, curl and sed, nothing else. */
export function welcome(gateway: string, upstreams: string): string {
  return `
Sluice is running. Events posted to it are stored, and sent on to AdEventsX (here a simulation).

  gateway              ${gateway}    (stores in ./data)
  simulated upstreams  ${upstreams}

1. In another terminal, take a token:

TOKEN=$(curl -s ${gateway}/auth -H 'Content-Type: application/json' -d '{"clientId":"marketing-dashboard"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

2. Post an event that happens now:

curl -i ${gateway}/events -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"user_id":"user1","event_name":"purchase","event_time":"'$(date -u +%FT%TZ)'","value":12.5,"campaign_id":"spring"}'

3. See all that AdEventsX received:

curl -s ${upstreams}/v1/conversions

Ctrl-C stops everything; what was accepted stays in ./data. Events arriving at AdEventsX:
`;
}

/** One line for one event. */
export function arrivalLine(arrival: Arrival): string {
  const time = arrival.received_at.slice(11, 19);
  const value = (arrival.value_cents / 100).toFixed(2);
  const campaign = arrival.campaign === null ? '' : `  campaign ${arrival.campaign}`;
  return `  ${time}  ${arrival.name}  user ${arrival.user}  value ${value}${campaign}  ${arrival.id}`;
}
