// A page of an app's own that has nothing but the client on it: `stile` is the package, `client` the client.

import { createServer } from 'node:http';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { environments } from './server.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** The client as one module, from its sources. */
async function bundle() {
  const entry = resolve(ROOT, 'packages/client/src/index.ts');
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    root: resolve(ROOT, 'packages/client'),
    resolve: { conditions: ['stile-source'] },
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: { input: entry, preserveEntrySignatures: 'strict', output: { format: 'es' } },
    },
  });
  const [first] = [result].flat();
  if (!first || !('output' in first)) throw new Error('the client was not built');
  return first.output[0].code;
}

/**
 * Serves the page on a free port of localhost.
 *
 * @param {string} api  the server's base URL, e.g. `http://localhost:7845`
 * @param {string} [environmentId]
 */
export async function startApp(api, environmentId = environments.stepUp) {
  const code = await bundle();
  const config = JSON.stringify({ environmentId, coreConfig: { apiBaseUrl: `${api}/api/v0` } });
  const page = `<!doctype html><title>App</title><link rel="icon" href="data:,"><script type="module">
    import * as stile from '/client.js';
    window.stile = stile;
    window.client = stile.createStileClient(${config});
  </script>`;
  const server = createServer((request, response) => {
    const isCode = request.url === '/client.js';
    response.setHeader('content-type', isCode ? 'text/javascript' : 'text/html');
    response.end(isCode ? code : page);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://localhost:${address.port}/`,
    stop: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(done);
      }),
  };
}

/**
 * A further tab of a browser with the page in it, started.
 *
 * @param {import('playwright-core').BrowserContext} context
 * @param {string} url
 */
export async function openTab(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  await started(page);
  return page;
}

/** @param {import('playwright-core').Page} page */
export async function started(page) {
  await page.waitForFunction('window.client?.initStatus === "finished"');
}

/**
 * What a tab shows.
 *
 * @param {import('playwright-core').Page} page
 * @returns {Promise<{ user: string | null, session: string | null, token: string | null, isOwing: boolean }>}
 */
export function shown(page) {
  return page.evaluate(`(() => {
    const { user, token } = window.client;
    return {
      user: user && user.email,
      session: user && user.sessionId,
      token,
      isOwing: Boolean(user && user.scope.includes('requiresAdditionalAuth')),
    };
  })()`);
}
