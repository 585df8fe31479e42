import { isSchema, type Schema } from 'joi';

import { ACCESS_ROUTES } from './access';
import { SCHEMAS } from './answer-schemas';
import { EVENT_ROUTES } from './events';
import { LEGACY_ROUTES } from './legacy';
import { OPERATOR_ROUTES } from './operator';
import type { Answer, JsonSchema, Operation, Route } from './route';
import { USER_ROUTES } from './users';

/** Every route of the gateway. */
export const ROUTES: readonly Route[] = [
  ...ACCESS_ROUTES,
  ...EVENT_ROUTES,
  ...USER_ROUTES,
  ...OPERATOR_ROUTES,
  ...LEGACY_ROUTES,
];

/** JSON Schema 2020-12 of what Joi validates (Standard Schema's way). */
function toJsonSchema(schema: Schema | JsonSchema): JsonSchema {
  if (!isSchema(schema)) return schema;
  const standard = (
    schema as unknown as { '~standard': { jsonSchema: { input(options: { target: string }): JsonSchema } } }
  )['~standard'];
  return standard.jsonSchema.input({ target: 'draft-2020-12' });
}

/** The answers that any route gives which asks for a scope. */
const GUARDED: Readonly<Record<number, Answer>> = {
  401: { description: 'No token, or not a valid one', schema: 'Problem' },
  403: { description: 'The token lacks the scope', schema: 'Problem' },
  429: { description: 'More requests than the client may make', schema: 'Problem' },
};

/** The OpenAPI 3.1 document of the route table. */
export function buildDocument(version: string, publicUrl: string | null = null): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of ROUTES) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: describe(route, path) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sluice',
      version,
      description: 'An event gateway: events in, exactly stored, delivered to the external APIs that want them.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    ...(publicUrl !== null && { servers: [{ url: publicUrl }] }),
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    tags: ['Access', 'Events', 'Users', 'Operating', 'Older clients'].map((name) => ({ name })),
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'From POST /auth' },
      },
    },
  };
}

function describe(route: Route, path: string): JsonSchema {
  const { operation } = route;
  const { summary, description, tag, body } = operation;
  const answers = route.scope === 'public' ? operation.answers : { ...operation.answers, ...GUARDED };
  const named = path === '/' ? '/root' : path;
  return {
    operationId: `${route.method}${named.replace(/[^a-zA-Z0-9]+(.)?/g, (_all, next: string | undefined) => (next ?? '').toUpperCase())}`,
    summary,
    ...(description !== undefined && { description }),
    tags: [tag],
    ...(route.successor !== undefined && { deprecated: true }),
    ...(route.scope === 'public' ? { security: [] } : { security: [{ token: [] }], 'x-scope': route.scope }),
    parameters: parametersOf(path, operation),
    ...(body && { requestBody: requestBodyOf(body) }),
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [status, responseOf(Number(status), answer)]),
    ),
  };
}

function parametersOf(path: string, { query, headers = {} }: Operation): JsonSchema[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const inPath = names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const shape = query === undefined ? {} : toJsonSchema(query);
  const required = (shape['required'] ?? []) as readonly string[];
  const inQuery = Object.entries((shape['properties'] ?? {}) as Record<string, JsonSchema>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name) && !names.includes(name),
    schema,
  }));
  const inHeader = Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

function requestBodyOf({
  schema,
  patch,
  mediaType = 'application/json',
  example,
  isOptional,
}: NonNullable<Operation['body']>): JsonSchema {
  return {
    required: isOptional !== true,
    content: { [mediaType]: { schema: { ...toJsonSchema(schema), ...patch }, example } },
  };
}

function responseOf(status: number, { description, schema, mediaType, example }: Answer): JsonSchema {
  const type = mediaType ?? (status >= 400 ? 'application/problem+json' : 'application/json');
  const content =
    schema === null
      ? {}
      : { schema: { $ref: `#/components/schemas/${schema}` }, ...(example !== undefined && { example }) };
  return { description, content: { [type]: content } };
}
