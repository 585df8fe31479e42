import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AppError } from '../errors';
import type { TokenVerdict } from '../types/auth';
import { authenticate } from './authenticate';

/** Knows three tokens. */
function verify(token: string): TokenVerdict {
  if (token === 'writer.token-_~+/==')
    return { kind: 'valid', caller: { clientId: 'w', scopes: ['events:write', 'ops:read'] } };
  if (token === 'reader')
    return { kind: 'valid', caller: { clientId: 'r', scopes: ['events:read', 'events:read:all'] } };
  if (token === 'none') return { kind: 'valid', caller: { clientId: 'n', scopes: [] } };
  return { kind: 'invalid', reason: 'The token has expired.' };
}

interface Answer {
  readonly status: number;
  readonly challenge: string | undefined;
  readonly body: Record<string, unknown>;
}

describe('authenticate', () => {
  const app = express();
  app.get('/', authenticate(verify, 'events:write'), (_request, response) => {
    response.json(response.locals['caller']);
  });
  app.use((error: AppError, _request: Request, response: Response, _next: NextFunction) => {
    const status = { missing_token: 401, invalid_token: 401, insufficient_scope: 403, invalid_request: 400 }[
      error.code as string
    ];
    response
      .status(status ?? 500)
      .set(error.headers)
      .json({ code: error.code, detail: error.detail });
  });
  const server = http.createServer(app);
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

  /** Sends the headers as they are, also one that comes twice. */
  function send(headers: string[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      const request = http.request(
        { host: '127.0.0.1', port, headers: ['Host', 'x', ...headers], agent: false },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              challenge: response.headers['www-authenticate'],
              body: JSON.parse(text) as Record<string, unknown>,
            }),
          );
        },
      );
      request.on('error', reject);
      request.end();
    });
  }

  it.each(['Bearer', 'bearer', 'BEARER', 'Bearer  '])('lets in %s with a token that has the scope', async (scheme) => {
    const answer = await send(['Authorization', `${scheme} writer.token-_~+/==`]);
    expect(answer).toMatchObject({ status: 200, body: { clientId: 'w', scopes: ['events:write', 'ops:read'] } });
  });

  it.each([
    ['nothing', []],
    ['an empty header', ['Authorization', '']],
    ['Basic', ['Authorization', 'Basic dzp4']],
    ['a token without a scheme', ['Authorization', 'writer.token-_~+/==']],
    ['a scheme that begins like Bearer', ['Authorization', 'BearerToken writer.token-_~+/==']],
    ['the token under another name', ['X-Authorization', 'Bearer writer.token-_~+/==']],
  ])('asks for a token where there is %s, without naming an error', async (_name, headers) => {
    const answer = await send(headers);
    expect(answer).toMatchObject({ status: 401, challenge: 'Bearer realm="sluice"', body: { code: 'missing_token' } });
  });

  it.each([
    ['no token', 'Bearer'],
    ['two tokens', 'Bearer reader writer.token-_~+/=='],
    ['a comma', 'Bearer reader,none'],
    ['quotes', 'Bearer "reader"'],
    ['padding in the middle', 'Bearer wri=ter'],
    ['a tab', 'Bearer\treader'],
  ])('refuses %s after Bearer', async (_name, header) => {
    const answer = await send(['Authorization', header]);
    expect(answer.status).toBe(401);
    expect(answer.challenge).toMatch(/^Bearer realm="sluice"/);
  });

  it('says what is wrong with a token, in the body and in the header', async () => {
    expect(await send(['Authorization', 'Bearer old'])).toEqual({
      status: 401,
      challenge: 'Bearer realm="sluice", error="invalid_token", error_description="The token has expired."',
      body: { code: 'invalid_token', detail: 'The token has expired.' },
    });
  });

  it.each(['reader', 'none'])('says which scope %s lacks', async (token) => {
    const answer = await send(['Authorization', `Bearer ${token}`]);
    expect(answer).toMatchObject({
      status: 403,
      challenge: 'Bearer realm="sluice", error="insufficient_scope", scope="events:write"',
      body: { code: 'insufficient_scope', detail: expect.stringContaining('events:write') },
    });
  });

  it.each([
    ['twice the same', ['Authorization', 'Bearer writer.token-_~+/==', 'authorization', 'Bearer writer.token-_~+/==']],
    ['two different ones', ['Authorization', 'Bearer writer.token-_~+/==', 'AUTHORIZATION', 'Basic dzp4']],
  ])('refuses an Authorization header that is there more than once: %s', async (_name, headers) => {
    const answer = await send(headers);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.challenge).toContain('error="invalid_request"');
  });
});
