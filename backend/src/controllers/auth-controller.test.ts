import express from 'express';
import { createHash, createSecretKey } from 'node:crypto';
import type { Server } from 'node:http';
import request from 'supertest';
import { SimulatedRuntime } from '../../test/support/simulated-runtime';
import { JwtSigner } from '../external-services/tokens/jwt-signer';
import { hmacTokenKey } from '../external-services/tokens/token-key';
import type { Log } from '../interfaces/log';
import { handleError } from '../middleware/handle-error';
import { readForm, readJson } from '../http/read-body';
import { AuthService } from '../services/auth/auth-service';
import { ClientRegistry } from '../services/auth/client-registry';
import { FailureLimiter } from '../services/auth/failure-limiter';
import { TokenService } from '../services/auth/token-service';
import type { Client } from '../types/auth';
import { AuthController } from './auth-controller';

const SECRET = 'right secret: 100% +';
const KEY = hmacTokenKey(createSecretKey(Buffer.from('a-secret-of-at-least-32-bytes-here')));
const CLIENTS: Client[] = [
  { id: 'dashboard', isPublic: true, secretDigests: [], scopes: ['events:write', 'events:read'] },
  {
    id: 'operator',
    isPublic: false,
    secretDigests: [createHash('sha256').update(SECRET).digest()],
    scopes: ['events:write', 'ops:read', 'ops:write'],
  },
];

interface Line {
  readonly level: string;
  readonly fact: string;
  readonly fields: object;
}

function build() {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, fact: string) => void lines.push({ level, fact, fields });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const clients = new ClientRegistry(CLIENTS);
  const tokens = new TokenService({ signer: new JwtSigner([KEY]), clients, runtime });
  const auth = new AuthService({ clients, tokens, failures: new FailureLimiter(runtime), log });
  const controller = new AuthController(auth);
  const app = express();
  app.set('trust proxy', 1);
  app.post('/auth', readJson(100_000), controller.post);
  app.post('/auth/token', readForm(100_000), controller.postToken);
  app.use(handleError(log));
  return { app, runtime, tokens, lines };
}

describe('POST', () => {
  let server: Server;
  let built = build();
  beforeEach(async () => {
    built = build();
    server = await new Promise((resolve) => {
      const listening = built.app.listen(0, '127.0.0.1', () => resolve(listening));
    });
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const postAuth = (body: object | string) =>
    request(server).post('/auth').set('Content-Type', 'application/json').send(body);
  const postToken = (form: Record<string, string>) =>
    request(server)
      .post('/auth/token')
      .type('form')
      .send({ grant_type: 'client_credentials', ...form });
  const encoded = (text: string) => encodeURIComponent(text).replaceAll('%20', '+');

  describe('/auth', () => {
    it.each([
      ['a public client by its id', { clientId: 'dashboard' }, 'events:write events:read'],
      ['a client by its secret', { clientId: 'operator', clientSecret: SECRET }, 'events:write ops:read ops:write'],
    ])('gives a token to %s', async (_name, body, scope) => {
      const answer = await postAuth(body).expect(200);
      expect(answer.body).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 3600, scope });
      expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
      expect(built.tokens.verify(answer.body.access_token)).toEqual({
        kind: 'valid',
        caller: { clientId: body.clientId, scopes: scope.split(' ') },
      });
    });

    it.each([
      ['a wrong secret', { clientId: 'operator', clientSecret: 'wrong' }],
      ['no secret', { clientId: 'operator' }],
      ['an unknown client', { clientId: 'nobody', clientSecret: SECRET }],
      ['a property of objects', { clientId: '__proto__' }],
    ])('answers %s with the same 401', async (_name, body) => {
      const answer = await postAuth(body)
        .expect(401)
        .expect('Content-Type', /problem\+json/);
      expect(answer.body).toMatchObject({
        code: 'invalid_client',
        detail: 'There is no such client, or the secret is wrong.',
      });
      expect(answer.headers).toMatchObject({
        'www-authenticate': 'Bearer realm="sluice"',
        'cache-control': 'no-store',
      });
    });

    it.each<[string, object | string, string[]]>([
      ['no id', {}, ['/clientId']],
      ['an empty id', { clientId: '' }, ['/clientId']],
      ['an id that is a number', { clientId: 1 }, ['/clientId']],
      ['an id that is a number no double keeps', '{"clientId":10000000000000000000001}', ['/clientId']],
      ['an id that is too long', { clientId: 'x'.repeat(65) }, ['/clientId']],
      ['a secret that is null', { clientId: 'operator', clientSecret: null }, ['/clientSecret']],
      ['a secret that is too long', { clientId: 'operator', clientSecret: 'x'.repeat(1025) }, ['/clientSecret']],
      ['fields that there are not', { clientId: 'dashboard', client_id: 'x', scope: 'y' }, ['/client_id', '/scope']],
      ['a list', [], ['']],
      ['null', 'null', ['']],
      ['thousands of fields', Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`f${index}`, 1])), ['']],
    ])('refuses %s', async (_name, body, pointers) => {
      const answer = await postAuth(body).expect(400);
      expect(answer.body.code).toBe('validation_failed');
      expect(answer.body.errors.map((each: { pointer: string }) => each.pointer)).toEqual(pointers);
    });
  });

  describe('/auth/token', () => {
    it('gives a token for credentials in the body', async () => {
      const answer = await postToken({ client_id: 'operator', client_secret: SECRET }).expect(200);
      expect(answer.body).toEqual({
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 3600,
        scope: 'events:write ops:read ops:write',
      });
      expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    });

    it('gives a token for HTTP Basic with form-encoded parts', async () => {
      await postToken({}).auth('operator', encoded(SECRET)).expect(200);
      const answer = await postToken({}).auth('operator', 'wrong').expect(401);
      expect(answer.body.error).toBe('invalid_client');
    });

    it('gives a token for HTTP Basic with the parts as they are, as most clients send them', async () => {
      expect(SECRET).toMatch(/[+%&=:/]/);
      await postToken({}).auth('operator', SECRET).expect(200);
    });

    it('gives as many scopes as were asked for', async () => {
      const answer = await postToken({
        client_id: 'operator',
        client_secret: SECRET,
        scope: 'ops:write events:write ops:write',
      }).expect(200);
      expect(answer.body.scope).toBe('events:write ops:write');
      expect(built.tokens.verify(answer.body.access_token)).toMatchObject({
        caller: { scopes: ['events:write', 'ops:write'] },
      });
    });

    it.each([
      ['one that the client has not', 'ops:write users:read'],
      ['one that there is not', 'everything'],
      ['an empty one between two', 'ops:read  ops:write'],
      ['one that is a space', ' '],
    ])('refuses a scope: %s', async (_name, scope) => {
      const answer = await postToken({ client_id: 'operator', client_secret: SECRET, scope }).expect(400);
      expect(answer.body).toEqual({
        error: 'invalid_scope',
        error_description: 'The scopes of this client are: events:write ops:read ops:write.',
      });
    });

    it('answers wrong credentials as RFC 6749 has it', async () => {
      const wrong = [
        await postToken({ client_id: 'operator', client_secret: 'wrong' }).expect(401),
        await postToken({ client_id: 'nobody', client_secret: SECRET }).expect(401),
        await postToken({ client_id: 'x'.repeat(5000) }).expect(401),
        await postToken({}).auth('operator', 'wrong').expect(401),
      ];
      for (const { body, headers } of wrong) {
        expect(body).toEqual({
          error: 'invalid_client',
          error_description: 'There is no such client, or the secret is wrong.',
        });
        expect(headers).toMatchObject({
          'www-authenticate': 'Basic realm="sluice", charset="UTF-8"',
          'cache-control': 'no-store',
          'content-type': 'application/json; charset=utf-8',
        });
      }
    });

    it('answers a request that it does not understand as RFC 6749 has it', async () => {
      expect((await postToken({ grant_type: 'password' }).expect(400)).body.error).toBe('unsupported_grant_type');
      const unspecified = await request(server)
        .post('/auth/token')
        .type('form')
        .send({ client_id: 'dashboard' })
        .expect(400);
      expect(unspecified.body.error).toBe('invalid_request');
    });
  });

  describe('failures', () => {
    const wrong = { clientId: 'operator', clientSecret: 'wrong' };
    const right = { clientId: 'operator', clientSecret: SECRET };

    it('are ten in a minute; then nothing is tried, in either form, until the minute is over', async () => {
      for (let count = 0; count < 5; count += 1) {
        await postAuth(wrong).expect(401);
        await postToken({ client_id: 'operator', client_secret: 'wrong' }).expect(401);
      }
      built.runtime.stall(12_000);
      const limited = await postAuth(right).expect(429);
      expect(limited.headers['retry-after']).toBe('48');
      expect(limited.body.code).toBe('rate_limited');
      await postToken({ client_id: 'operator', client_secret: SECRET }).expect(429).expect('Retry-After', '48');
      built.runtime.stall(48_000);
      await postAuth(right).expect(200);
    });

    it('count for one client at one address', async () => {
      for (let count = 0; count < 10; count += 1) await postAuth(wrong).set('X-Forwarded-For', '10.0.0.1').expect(401);
      await postAuth(right).set('X-Forwarded-For', '10.0.0.1').expect(429);
      await postAuth(right).set('X-Forwarded-For', '10.0.0.2').expect(200);
      await postAuth({ clientId: 'dashboard' }).set('X-Forwarded-For', '10.0.0.1').expect(200);
    });

    it('are logged without a secret', async () => {
      await postAuth(wrong).expect(401);
      await postAuth(right).expect(200);
      expect(built.lines.map(({ level, fact }) => [level, fact])).toEqual([
        ['warn', 'auth.refused'],
        ['debug', 'auth.granted'],
      ]);
      expect(built.lines[0]?.fields).toEqual({ clientId: 'operator', address: '127.0.0.1' });
      expect(JSON.stringify(built.lines)).not.toMatch(/wrong|right secret/);
    });
  });
});
