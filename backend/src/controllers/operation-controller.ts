import type { Request, Response } from 'express';

import type { HealthService } from '../services/operations/health-service';
import { linkTo, send } from './json';

const ENTRY_POINTS = {
  documentation: '/docs',
  openapi: '/openapi.json',
  token: '/auth',
  events: '/events',
  users: '/users',
  health: '/health',
  ready: '/ready',
} as const;

/** HTTP for those who operate the gateway: is it alive, is it ready, which version. */
export class OperationController {
  constructor(private readonly health: HealthService) {}

  /** A browser is led to the page for people; anything else learns what this is and where to go on. */
  readonly getRoot = (request: Request, response: Response): void => {
    response.vary('Accept');
    // Relative, so that it holds below a prefix that a proxy strips.
    if (request.accepts(['json', 'html']) === 'html') return response.redirect('docs');
    const { version } = this.health.health();
    const links = Object.entries(ENTRY_POINTS).map(([name, path]) => [name, linkTo(response, path)] as const);
    send(response, 200, { name: 'sluice', version, links: Object.fromEntries(links) });
  };

  readonly getHealth = (_request: Request, response: Response): void => {
    send(response, 200, this.health.health());
  };

  readonly getReady = async (_request: Request, response: Response): Promise<void> => {
    const ready = await this.health.ready();
    if (ready.status !== 'ready') response.setHeader('Retry-After', '5');
    send(response, ready.status === 'ready' ? 200 : 503, ready);
  };

  readonly getVersion = (_request: Request, response: Response): void => {
    response.type('text/plain').send('v1');
  };

  readonly getCircuitStatus = (_request: Request, response: Response): void => {
    send(response, 200, this.health.circuits());
  };
}
