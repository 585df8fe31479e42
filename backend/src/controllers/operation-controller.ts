import type { Request, Response } from 'express';

import type { HealthService } from '../services/health-service';
import { send } from './json';

/** HTTP for those who operate the gateway: is it alive, is it ready, which version. */
export class OperationController {
  constructor(private readonly health: HealthService) {}

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
