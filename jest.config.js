// The long form (npm run test:long) runs the same tests over many more seeds, rounds and images; they read LONG themselves.
const isLong = process.env.LONG === '1';

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: '<rootDir>/backend/test/support/leak-checking-environment.js',
  roots: ['<rootDir>/backend', '<rootDir>/mock-apis', '<rootDir>/scripts', '<rootDir>/bench'],
  testMatch: ['**/*.test.ts'],
  // Types are checked apart (npm run types), so a test run only strips them.
  transform: { '^.+\\.ts$': 'ts-jest' },
  reporters: ['default', '<rootDir>/backend/test/support/count-reporter.js'],
  maxWorkers: 2,
  // A worker keeps something of every file it ran, and a full heap makes the simulation several times slower.
  workerIdleMemoryLimit: '600MB',
  // It only has to end what hangs: on a machine that is busy otherwise a test of seconds takes a minute.
  testTimeout: isLong ? 60 * 60 * 1000 : 60_000,
};
