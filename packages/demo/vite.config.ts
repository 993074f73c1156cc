import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';

/** Writes each file of the build as Brotli and as gzip, too. The server sends what the browser takes. */
const compressed: Plugin = {
  name: 'compressed',
  apply: 'build',
  async writeBundle({ dir = 'dist' }, bundle) {
    for (const file of Object.values(bundle)) {
      const content = file.type === 'chunk' ? file.code : file.source;
      await writeFile(join(dir, `${file.fileName}.br`), brotliCompressSync(content));
      await writeFile(join(dir, `${file.fileName}.gz`), gzipSync(content, { level: 9 }));
    }
  },
};

// The Stile server serves `dist` at /demo/ under a policy without inline scripts and styles.
export default defineConfig({
  base: '/demo/',
  plugins: [react(), compressed],
  // From the client's sources, so that it need not be built first.
  resolve: { conditions: ['stile-source', ...defaultClientConditions] },
  build: { target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  // `npx vite packages/demo` beside a running `stile dev`.
  server: {
    proxy: {
      '/api': 'http://localhost:7845',
      '/dev': 'http://localhost:7845',
      '/demo/api': 'http://localhost:7845',
    },
  },
});
