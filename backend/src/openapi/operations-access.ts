import { authSchema } from '../validation-schemas/auth';
import type { Operations } from './operation';

const TOKEN_EXAMPLE = {
  access_token: 'eyJ…',
  token_type: 'Bearer',
  expires_in: 3600,
  scope: 'events:write events:read',
};
const LIMITED = {
  429: { description: 'Too many requests, or too many failures of this client from this address', schema: 'Problem' },
} as const;

export const ACCESS_OPERATIONS: Operations = {
  'GET /': {
    tag: 'Operating',
    summary: 'What this is, and where to go on',
    description: 'A browser (Accept: text/html) is led to the page for people.',
    answers: {
      200: {
        description: 'The name of the service, its version and its entry points',
        schema: 'Root',
        example: { name: 'sluice', version: '0.1.0', links: { documentation: '/docs', events: '/events' } },
      },
      302: { description: 'For a browser', schema: null, mediaType: 'text/html' },
    },
  },
  'POST /auth': {
    tag: 'Access',
    summary: 'A token for a client',
    body: { schema: authSchema, example: { clientId: 'marketing-dashboard' } },
    answers: {
      200: { description: 'The token', schema: 'Token', example: TOKEN_EXAMPLE },
      400: { description: 'The request has faults', schema: 'Problem' },
      401: { description: 'There is no such client, or the secret is wrong', schema: 'Problem' },
      413: { description: 'The body is larger than 100 KiB', schema: 'Problem' },
      415: { description: 'The body is not application/json in UTF-8', schema: 'Problem' },
      ...LIMITED,
    },
  },
  'POST /auth/token': {
    tag: 'Access',
    summary: 'A token by RFC 6749, client credentials',
    description: 'The client by HTTP Basic, or by client_id and client_secret in the body.',
    body: {
      mediaType: 'application/x-www-form-urlencoded',
      schema: {
        type: 'object',
        required: ['grant_type'],
        properties: {
          grant_type: { const: 'client_credentials' },
          client_id: { type: 'string' },
          client_secret: { type: 'string' },
          scope: { type: 'string' },
        },
      },
      example: { grant_type: 'client_credentials', client_id: 'marketing-dashboard' },
    },
    answers: {
      200: { description: 'The token', schema: 'Token', example: TOKEN_EXAMPLE },
      400: {
        description: 'In the form of RFC 6749',
        schema: 'OAuthError',
        mediaType: 'application/json',
        example: { error: 'unsupported_grant_type' },
      },
      401: {
        description: 'In the form of RFC 6749',
        schema: 'OAuthError',
        mediaType: 'application/json',
        example: { error: 'invalid_client' },
      },
      413: { description: 'The body is larger than 100 KiB', schema: 'Problem' },
      415: { description: 'The body is no form in UTF-8', schema: 'Problem' },
      ...LIMITED,
    },
  },
  'GET /.well-known/jwks.json': {
    tag: 'Access',
    summary: 'The public keys that tokens are checked by',
    answers: {
      200: {
        description: 'RFC 7517; empty where tokens are signed with a secret',
        schema: 'JsonWebKeySet',
        example: { keys: [] },
      },
    },
  },
  'GET /metrics': {
    tag: 'Operating',
    summary: 'What the gateway counts of itself, in the text form of Prometheus',
    answers: {
      200: {
        description: 'Events, deliveries, attempts, possible duplicates, durations, circuits',
        schema: null,
        mediaType: 'text/plain',
      },
    },
  },
  'GET /health': {
    tag: 'Operating',
    summary: 'Whether the process lives',
    answers: { 200: { description: 'It does', schema: 'Health' } },
  },
  'GET /ready': {
    tag: 'Operating',
    summary: 'Whether the gateway takes events',
    answers: {
      200: {
        description: 'The store commits',
        schema: 'Readiness',
        example: { status: 'ready', parts: { store: { status: 'ready' } } },
      },
      503: {
        description: 'It cannot commit, or the process stops',
        schema: 'Readiness',
        mediaType: 'application/json',
      },
    },
  },
  'GET /version': {
    tag: 'Older clients',
    summary: 'v1',
    answers: { 200: { description: 'As text', schema: null, mediaType: 'text/plain' } },
  },
  'GET /openapi.json': {
    tag: 'Operating',
    summary: 'This description',
    answers: { 200: { description: 'OpenAPI 3.1', schema: 'OpenApi' } },
  },
  'GET /docs': {
    tag: 'Operating',
    summary: 'This description as a page',
    answers: { 200: { description: 'A page', schema: null, mediaType: 'text/html' } },
  },
  'GET /docs/style.css': {
    tag: 'Operating',
    summary: 'The style of that page',
    answers: { 200: { description: 'A style sheet', schema: null, mediaType: 'text/css' } },
  },
};
