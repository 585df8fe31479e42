import type { Request, Response } from 'express';

import type { HealthService } from '../services/operations/health-service';
import type { GatewayMetrics, MetricsMoment } from '../services/operations/gateway-metrics';
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

/** Others may keep the keys for this long; a new key is published before it signs. */
const KEYS_CACHE_SECONDS = 300;

export interface OperationsControllerParts {
  readonly health: HealthService;
  readonly metrics: GatewayMetrics;
  /** What is measured at the moment of asking. */
  readonly metricsMoment: () => MetricsMoment;
  /** The public keys that our tokens can be checked by; none while a shared secret signs them. */
  readonly publicKeys: () => readonly object[];
  /** The OpenAPI document; asked for once, at the first request. */
  readonly document: () => object;
  readonly docsPage: (document: object) => string;
  readonly docsStyle: string;
}

/**
 * HTTP for what the service says of itself: is it alive and ready, its counts, its keys, its
 * description.
 */
export class OperationsController {
  private made: { readonly text: string; readonly page: string } | null = null;

  constructor(private readonly parts: OperationsControllerParts) {}

  /**
   * A browser is led to the page for people; anything else learns what this is and where to go on.
   */
  readonly getRoot = (request: Request, response: Response): void => {
    response.vary('Accept');
    // Relative, so that it holds below a prefix that a proxy strips.
    if (request.accepts(['json', 'html']) === 'html') return response.redirect('docs');
    const { version } = this.parts.health.health();
    const links = Object.entries(ENTRY_POINTS).map(([name, path]) => [name, linkTo(response, path)] as const);
    send(response, 200, { name: 'sluice', version, links: Object.fromEntries(links) });
  };

  readonly getHealth = (_request: Request, response: Response): void => {
    send(response, 200, this.parts.health.health());
  };

  readonly getReady = async (_request: Request, response: Response): Promise<void> => {
    const ready = await this.parts.health.ready();
    if (ready.status !== 'ready') response.setHeader('Retry-After', '5');
    send(response, ready.status === 'ready' ? 200 : 503, ready);
  };

  readonly getVersion = (_request: Request, response: Response): void => {
    response.type('text/plain').send('v1');
  };

  readonly getCircuitStatus = (_request: Request, response: Response): void => {
    send(response, 200, this.parts.health.circuits());
  };

  /** RFC 7517, section 5. */
  readonly getKeys = (_request: Request, response: Response): void => {
    response.setHeader('Cache-Control', `public, max-age=${KEYS_CACHE_SECONDS}`);
    send(response, 200, { keys: this.parts.publicKeys() });
  };

  readonly getMetrics = async (_request: Request, response: Response): Promise<void> => {
    const text = await this.parts.metrics.text(this.parts.metricsMoment());
    response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(text);
  };

  readonly getDocument = (_request: Request, response: Response): void => {
    response.type('application/json').send(this.make().text);
  };

  readonly getPage = (request: Request, response: Response): void => {
    // From `/docs/` the relative links of the page would lead one level too deep.
    if (request.path.endsWith('/')) return response.redirect('../docs');
    response.type('html').send(this.make().page);
  };

  readonly getStyle = (_request: Request, response: Response): void => {
    response.type('css').send(this.parts.docsStyle);
  };

  private make(): { readonly text: string; readonly page: string } {
    if (this.made === null) {
      const document = this.parts.document();
      this.made = { text: JSON.stringify(document), page: this.parts.docsPage(document) };
    }
    return this.made;
  }
}
