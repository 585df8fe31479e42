import { tokenForm } from '../controllers/auth-controller';
import { readForm, readJson } from '../http/read-body';
import { authSchema } from '../validation-schemas/auth';
import { BODY_BYTES, FAULTY, NO_JSON, type Route, TOO_LARGE } from './route';

const TOKEN_EXAMPLE = {
  access_token: 'eyJ…',
  token_type: 'Bearer',
  expires_in: 3600,
  scope: 'events:write events:read',
};
const LIMITED = {
  429: { description: 'Too many requests, or too many failures of this client from this address', schema: 'Problem' },
} as const;

/** Tokens. */
export const ACCESS_ROUTES: readonly Route[] = [
  {
    method: 'post',
    path: '/auth',
    scope: 'public',
    body: readJson(BODY_BYTES),
    handler: ({ auth }) => auth.post,
    operation: {
      tag: 'Access',
      summary: 'A token for a client',
      body: { schema: authSchema, example: { clientId: 'marketing-dashboard' } },
      answers: {
        200: { description: 'The token', schema: 'Token', example: TOKEN_EXAMPLE },
        ...FAULTY,
        401: { description: 'There is no such client, or the secret is wrong', schema: 'Problem' },
        ...TOO_LARGE,
        ...NO_JSON,
        ...LIMITED,
      },
    },
  },
  {
    method: 'post',
    path: '/auth/token',
    scope: 'public',
    body: tokenForm(readForm(BODY_BYTES)),
    handler: ({ auth }) => auth.postToken,
    operation: {
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
        ...TOO_LARGE,
        415: { description: 'The body is no form in UTF-8', schema: 'Problem' },
        ...LIMITED,
      },
    },
  },
  {
    method: 'get',
    path: '/.well-known/jwks.json',
    scope: 'public',
    handler: ({ operations }) => operations.getKeys,
    operation: {
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
  },
];
