import { defineConfig } from 'vitest/config';

// The workspace packages are tested from their sources, so that no build has to run first.
export default defineConfig({
  resolve: { conditions: ['stile-source'] },
  ssr: { resolve: { conditions: ['stile-source'] } },
  test: {
    include: ['packages/**/*.test.ts', 'packages/**/*.test.tsx'],
    environment: 'node',
  },
});
