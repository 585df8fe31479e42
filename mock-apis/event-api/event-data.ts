export interface ExternalUser {
  readonly id: string;
  readonly name: string;
  readonly events: readonly string[];
}

export interface ExternalEvent {
  readonly id: string;
  readonly name: string;
  readonly userId: string;
  readonly details?: unknown;
}

export const users: readonly ExternalUser[] = [
  { id: '1', name: 'Ada Young', events: ['event-1', 'event-2'] },
  { id: '2', name: 'Ben Ortiz', events: ['event-3'] },
  { id: '3', name: 'Cleo Marsh', events: ['event-4'] },
];

export const events: readonly ExternalEvent[] = [
  { id: 'event-1', name: 'Spring launch', userId: '1', details: 'Opening of the spring campaign' },
  { id: 'event-2', name: 'Partner evening', userId: '1', details: 'For partners of the programme' },
  { id: 'event-3', name: 'Product webinar', userId: '2', details: 'Questions and answers, one hour' },
  { id: 'event-4', name: 'Summer fair', userId: '3', details: 'Stand 12, second hall' },
];
