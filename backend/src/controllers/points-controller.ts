import type { Request, Response } from 'express';

import { AppError } from '../errors';
import type { PointsService } from '../services/points/points-service';
import { send } from './json';

/** HTTP for points. */
export class PointsController {
  constructor(private readonly points: PointsService) {}

  readonly get = async (request: Request, response: Response): Promise<void> => {
    const userId = String(request.params['id']);
    if (Array.from(userId).length > 128)
      throw new AppError('not_found', 'No user has an id of more than 128 characters.');
    send(response, 200, await this.points.pointsOf(userId));
  };
}
