// Bundles the client as an app would and fails when it has outgrown its budget. `--print` writes the whole bundle.

import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const here = dirname(fileURLToPath(import.meta.url));

/** What is imported → most bytes after minifying and gzip. */
const BUDGETS = [
  ['everything', `export * from '@stile/client';`, 17_500],
  ['createStileClient', `export { createStileClient } from '@stile/client';`, 11_000],
  ['checkUserScopes', `export { checkUserScopes } from '@stile/client';`, 300],
];

async function bundle(source) {
  const name = resolve(here, 'virtual-entry.js');
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    root: here,
    resolve: { conditions: ['stile-source'] },
    build: {
      write: false,
      target: 'es2022',
      minify: true,
      modulePreload: false,
      rolldownOptions: { input: name, preserveEntrySignatures: 'strict', output: { format: 'es' } },
    },
    plugins: [
      {
        name: 'entry',
        enforce: 'pre',
        resolveId(id, importer) {
          if (id === name) return id;
          if (importer === name && id === '@stile/client') return resolve(here, 'src/index.ts');
        },
        load: (id) => (id === name ? source : undefined),
      },
    ],
  });
  return [result].flat()[0].output[0].code;
}

if (process.argv.includes('--print')) {
  process.stdout.write(await bundle(BUDGETS[0][1]));
} else {
  for (const [name, source, budget] of BUDGETS) {
    const code = await bundle(source);
    const size = gzipSync(code, { level: 9 }).length;
    console.log(`${name}: ${code.length} bytes, ${size} gzip (budget ${budget})`);
    if (size > budget) process.exitCode = 1;
  }
}
