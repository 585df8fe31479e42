// Who may import whom. The table in docs/architecture.md, made executable; each rule says why it exists.
const tests = '\\.test\\.ts$';
const folder = (name) => `^backend/src/${name}/`;

/** Whatever the folder imports must match one of `allowed`; its tests may import what they need. */
const mayImportOnly = (name, allowed, comment) => ({
  name: `${name}-imports`,
  comment,
  severity: 'error',
  from: { path: folder(name), pathNot: tests },
  to: { pathNot: [folder(name), ...allowed] },
});

const types = folder('types');
const interfaces = folder('interfaces');
const errors = '^backend/src/errors\\.ts$';
const npm = (...names) => `(^|/)node_modules/(@types/)?(${names.join('|')})/`;
/** Node's modules that compute and do not reach outside the process. */
const pureCore = '^(node:)?(assert|buffer|crypto|events|string_decoder|stream|url|util)(/|$)';

/** The groups of services, lowest first; each may import those before it, and no other. */
const LAYERS = ['resilience', 'events', 'points', 'delivery', 'users', 'auth', 'operations', 'legacy'];
const servicesPointDownwards = LAYERS.map((layer, index) => ({
  name: `services-${layer}-points-downwards`,
  comment: 'The groups of services are layers: two that import each other are one group in two folders.',
  severity: 'error',
  from: { path: folder(`services/${layer}`), pathNot: tests },
  to: { path: `^backend/src/services/(${LAYERS.slice(index + 1).join('|') || '-'})/` },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Files of a cycle can only be understood, tested and loaded together.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...servicesPointDownwards,
    {
      name: 'no-orphans',
      comment: 'A file that neither imports nor is imported is dead or forgotten.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: [
          tests,
          '\\.d\\.ts$',
          '^(backend/src|mock-apis)/server\\.ts$',
          '^bench/(run|bare-express)\\.ts$',
          '^scripts/',
          '\\.c?js$',
        ],
      },
      to: {},
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere fails when the process starts.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared-packages',
      comment: 'A package that only another package depends on may vanish with the next update.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'undetermined'] },
    },
    {
      name: 'no-development-packages-in-the-product',
      comment:
        'The image holds only `dependencies`: the import would fail there, and nowhere before. Types vanish in the build.',
      severity: 'error',
      from: { path: '^(backend/src|mock-apis)/', pathNot: tests },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '(^|/)node_modules/@types/' },
    },
    {
      name: 'product-knows-no-tests',
      comment: 'The product runs without its tests, tools and stand-ins.',
      severity: 'error',
      from: { path: '^backend/src/', pathNot: tests },
      to: { path: ['^backend/test/', '^(bench|scripts|mock-apis)/', tests] },
    },
    {
      name: 'mock-apis-stand-alone',
      comment:
        'The simulated upstreams must be wrong on their own: code shared with the gateway would hide the faults of both.',
      severity: 'error',
      from: { path: '^mock-apis/', pathNot: tests },
      to: { path: '^(backend|bench|scripts)/' },
    },
    mayImportOnly('types', [], 'Nouns that cross a layer: data shapes with no behaviour depend on nothing.'),
    mayImportOnly('interfaces', [types], 'Ports speak in nouns only, so that any adapter can stand behind them.'),
    mayImportOnly(
      'validation-schemas',
      [types, errors, npm('joi')],
      'Schemas say what may enter, and a refusal is one of the closed list of errors; the API description is generated from them without starting anything.',
    ),
    mayImportOnly(
      'services',
      [interfaces, types, errors, pureCore, npm('ipaddr\\.js')],
      'The rules of the product reach the outside only through ports, so that the whole service runs under a simulated clock, disk and network.',
    ),
    mayImportOnly(
      'external-services',
      [interfaces, types, errors, '(^|/)node_modules/', '^(node:)?[a-z_/]+$'],
      'An adapter knows its port and its own driver; a rule of the product in here would have to be written again in the next adapter.',
    ),
    mayImportOnly(
      'http',
      [interfaces, types, errors, npm('express'), '^(node:)?[a-z_/]+$'],
      'What knows sockets and bytes: it serves any routes, and knows none.',
    ),
    mayImportOnly(
      'middleware',
      [folder('http'), interfaces, types, errors, npm('express', 'helmet', 'cors'), '^(node:)?[a-z_/]+$'],
      'HTTP concerns common to routes; what they need of a service is handed to them.',
    ),
    mayImportOnly(
      'controllers',
      [
        folder('validation-schemas'),
        folder('services'),
        folder('http'),
        interfaces,
        types,
        errors,
        npm('express'),
        pureCore,
      ],
      'Reads the request with a schema, calls a service, answers: a controller that talks to an adapter has a rule of the product in it.',
    ),
    mayImportOnly(
      'routes',
      [
        folder('controllers'),
        folder('middleware'),
        folder('http'),
        folder('validation-schemas'),
        types,
        npm('express', 'joi'),
      ],
      'A row says all that is known of a route: its access, its body, its handler, its description.',
    ),
    mayImportOnly(
      'config',
      [
        interfaces,
        types,
        folder('services/(auth|events|delivery)'),
        folder('external-services/(destinations|http|tokens)'),
        npm('joi', 'yaml'),
        '^(node:)?[a-z_/]+$',
      ],
      'Settings become values, keys and definitions; whoever needs one is handed it, and config knows none of them.',
    ),
    {
      name: 'settings-are-handed-inwards',
      comment: 'What reads its own settings cannot be run with others: the composition root alone hands them out.',
      severity: 'error',
      from: {
        path: '^backend/src/[^/]+/',
        pathNot: [tests, folder('config'), folder('cli')],
      },
      to: { path: folder('config') },
    },
    {
      name: 'edge-is-imported-by-the-edge',
      comment:
        'Settings, wiring and the process itself are handed inwards; only the closed list of error codes is shared.',
      severity: 'error',
      from: { path: '^backend/src/[^/]+/', pathNot: [tests] },
      to: { path: '^backend/src/[^/]+\\.ts$', pathNot: errors },
    },
    {
      name: 'drivers-behind-adapters',
      comment: 'A driver imported elsewhere is a port that was gone round.',
      severity: 'error',
      from: { path: '^backend/src/', pathNot: ['^backend/src/external-services/', tests] },
      to: { path: npm('axios', 'axios-retry', 'node-cache', '@photostructure/sqlite', 'pg', 'ioredis', 'prom-client') },
    },
    {
      name: 'express-at-the-edge',
      comment: 'Only the layer that speaks HTTP knows the framework that does.',
      severity: 'error',
      from: {
        path: '^backend/src/',
        pathNot: ['^backend/src/(http|middleware|controllers|routes)/', '^backend/src/[^/]+\\.ts$', tests],
      },
      to: { path: npm('express', 'helmet', 'cors', 'pino') },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'types'] },
    combinedDependencies: false,
  },
};
