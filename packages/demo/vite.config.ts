import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

// The Stile server serves `dist` at /demo/ under a policy without inline scripts and styles.
export default defineConfig({
  base: '/demo/',
  plugins: [react()],
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
