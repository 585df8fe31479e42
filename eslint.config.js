// The rules of the house that a machine can check on one file. What needs the whole tree (who imports whom, what is unused)
// stands in .dependency-cruiser.cjs and knip.json; what needs neither stands in backend/test/tidy.test.ts.
const js = require('@eslint/js');
const tseslint = require('typescript-eslint');
const prettier = require('eslint-config-prettier');
const jest = require('eslint-plugin-jest');

const tests = ['**/*.test.ts', 'backend/test/**/*.ts'];

const environmentReads = [
  {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message:
      'Settings are read in backend/src/config/config.ts alone, so that each is checked, documented and frozen at start.',
  },
  {
    selector: 'ImportDeclaration[source.value=/^(node:)?process$/]',
    message: 'Settings are read in backend/src/config/config.ts alone; use the global `process` for the rest.',
  },
];

const throughRuntime =
  'Services take time, dice and timers from the Runtime port, so that all of them run under a simulated clock.';
const ambientTimeAndDice = [
  "CallExpression[callee.object.name='Date'][callee.property.name='now']",
  "CallExpression[callee.name='Date']",
  "NewExpression[callee.name='Date'][arguments.length=0]",
  "MemberExpression[object.name='performance']",
  "MemberExpression[object.name='process'][property.name=/^(hrtime|uptime)$/]",
  "MemberExpression[object.name='Math'][property.name='random']",
  "MemberExpression[object.name='AbortSignal'][property.name='timeout']",
  'CallExpression[callee.name=/^(setTimeout|setInterval|setImmediate)$/]',
  'CallExpression[callee.name=/^(randomUUID|randomBytes|randomInt|getRandomValues)$/]',
  'CallExpression[callee.property.name=/^(randomUUID|randomBytes|randomInt|getRandomValues)$/]',
].map((selector) => ({ selector, message: throughRuntime }));

const defaultExports = [
  {
    selector: 'ExportDefaultDeclaration',
    message: 'Export by name: a thing then has one name in every file that imports it.',
  },
  {
    selector: 'ExportAllDeclaration',
    message: 'No barrels: import from the file that holds the thing.',
  },
];

module.exports = tseslint.config(
  { ignores: ['dist/', 'coverage/', 'data/', 'node_modules/', 'frontend/'] },
  {
    files: ['**/*.js', '**/*.cjs'],
    extends: [js.configs.recommended],
    languageOptions: {
      sourceType: 'commonjs',
      globals: {
        require: 'readonly',
        module: 'writable',
        process: 'readonly',
        __dirname: 'readonly',
        performance: 'readonly',
        setImmediate: 'readonly',
      },
    },
  },
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: __dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': ['error', ...defaultExports],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An adapter meets a port that answers with promises, whether or not it has something to wait for.
      '@typescript-eslint/require-await': 'off',
      // Dear in time, and for enums and for instances assigned across classes: there are none of the first and types see the second.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // It takes a field that another turn of the event loop changes for one that cannot change.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // It asks for the `!` that no-non-null-assertion forbids.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // Both are right in their place: a type for a union, an interface for an object; a literal index for a JSON key.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/consistent-indexed-object-style': 'off',
    },
  },
  {
    files: ['backend/src/**/*.ts'],
    ignores: tests,
    rules: {
      'no-console': 'error',
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', 60],
      'no-restricted-syntax': ['error', ...defaultExports, ...environmentReads],
    },
  },
  {
    files: ['backend/src/gateway.ts'],
    // `startAll` is a list in start order: a reader scrolls once.
    rules: { 'max-lines': ['error', 340], 'max-lines-per-function': ['error', 70] },
  },
  {
    files: ['backend/src/config/config.ts'],
    rules: { 'no-restricted-syntax': ['error', ...defaultExports] },
  },
  {
    files: ['backend/src/services/**/*.ts'],
    ignores: tests,
    rules: { 'no-restricted-syntax': ['error', ...defaultExports, ...environmentReads, ...ambientTimeAndDice] },
  },
  {
    files: ['mock-apis/**/*.ts'],
    ignores: ['mock-apis/server.ts', ...tests],
    rules: { 'no-restricted-syntax': ['error', ...defaultExports, ...environmentReads] },
  },
  {
    files: tests,
    extends: [jest.configs['flat/recommended']],
    rules: {
      'jest/no-focused-tests': 'error',
      'jest/no-disabled-tests': 'error',
      // supertest's `.expect(200)`, fast-check's `fc.assert`, and functions named for what they expect.
      'jest/expect-expect': [
        'error',
        { assertFunctionNames: ['expect', '**.expect', 'fc.assert', 'assert', 'assert*', 'expect*'] },
      ],
      // A property over random steps expects of each step what its kind promises.
      'jest/no-conditional-expect': 'off',
      // A parsed answer is `any` in supertest and JSON.parse; that it is what we think is what the test shows.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  prettier,
);
