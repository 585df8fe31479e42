import type { Request, Response } from 'express';

import type { GatewayMetrics, MetricsMoment } from '../services/operations/gateway-metrics';

/** HTTP for what the gateway counts of itself. */
export class MetricsController {
  constructor(
    private readonly metrics: GatewayMetrics,
    private readonly moment: () => MetricsMoment,
  ) {}

  readonly get = async (_request: Request, response: Response): Promise<void> => {
    const text = await this.metrics.text(this.moment());
    response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(text);
  };
}
