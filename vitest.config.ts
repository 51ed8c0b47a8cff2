import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests that start real nodes need room on a machine of two cores.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Several clusters of real processes at once starve each other.
    maxWorkers: 2,
  },
});
