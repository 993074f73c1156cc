import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

// The packages as users get them: built, packed, unpacked into an app, and taken by its tools.

// Compilers and bundlers share the machine with everything else that is tested.
vi.setConfig({ testTimeout: 120_000 });

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const PACKAGES = ['api', 'client'];
const tsc = (args: string[]) =>
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...args]);

let app = '';
const at = (name: string) => join(app, 'node_modules/@stile', name);

beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), 'stile-app-'));
  for (const name of PACKAGES) {
    await tsc(['-p', join(ROOT, 'packages', name, 'tsconfig.build.json')]);
    await mkdir(at(name), { recursive: true });
  }
  const workspaces = PACKAGES.flatMap((name) => ['--workspace', `packages/${name}`]);
  await run('npm', ['pack', '--offline', ...workspaces, '--pack-destination', app], { cwd: ROOT });
  for (const name of PACKAGES) {
    const [archive] = (await readdir(app)).filter((file) => file.startsWith(`stile-${name}-`));
    await run('tar', ['-xzf', join(app, archive ?? ''), '-C', at(name), '--strip-components=1']);
  }
  await writeFile(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }');
}, 120_000);

afterAll(() => rm(app, { recursive: true, force: true }));

describe('the packages', () => {
  it.each(PACKAGES)(
    '@stile/%s has its licence, an entry for older tools, and nothing that leads nowhere',
    async (name) => {
      const manifest = JSON.parse(await readFile(join(at(name), 'package.json'), 'utf8'));
      for (const file of ['LICENSE', manifest.main, manifest.types]) {
        expect(existsSync(join(at(name), file)), file).toBe(true);
      }
      const files = await readdir(at(name), { recursive: true });
      expect(files.filter((file) => /\.map$|\.test\.|testing/.test(file))).toEqual([]);
      for (const file of files.filter((each) => each.endsWith('.js'))) {
        expect(await readFile(join(at(name), file), 'utf8')).not.toContain('sourceMappingURL');
      }
    },
  );

  /** As an app's own code would use it. */
  const SOURCE = `
    import { checkUserScopes, createStileClient, isSignedIn } from '@stile/client';
    export const client = createStileClient({ environmentId: 'e', coreConfig: { apiBaseUrl: '/api/v0' } });
    export const answer = [client.initStatus, isSignedIn(), checkUserScopes({ scopes: ['a'], user: { scope: 'a b' } })];
  `;
  const ANSWER = ['uninitialized', false, true];

  it('are inert on a server, also with a relative base URL', async () => {
    await writeFile(join(app, 'server.mjs'), `${SOURCE}\nconsole.log(JSON.stringify(answer));`);
    const { stdout } = await run(process.execPath, [join(app, 'server.mjs')], { cwd: app });
    expect(JSON.parse(stdout)).toEqual(ANSWER);
  });

  it('are taken by Vite', async () => {
    await writeFile(join(app, 'vite-entry.js'), SOURCE);
    await vite({
      configFile: false,
      logLevel: 'silent',
      root: app,
      build: {
        outDir: 'vite-out',
        target: 'es2022',
        lib: { entry: join(app, 'vite-entry.js'), formats: ['es'], fileName: 'app' },
      },
    });
    expect(await answerOf('vite-out/app.js')).toEqual(ANSWER);
  });

  it('are taken by esbuild', async () => {
    await writeFile(join(app, 'esbuild-entry.js'), SOURCE);
    const { warnings } = await esbuild({
      absWorkingDir: app,
      entryPoints: ['esbuild-entry.js'],
      outfile: 'esbuild-out/app.mjs',
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      logLevel: 'silent',
    });
    expect(warnings).toEqual([]);
    expect(await answerOf('esbuild-out/app.mjs')).toEqual(ANSWER);
  });

  it('are taken by Next.js, in a server component and in one of the browser', async () => {
    const home = join(app, 'next');
    await mkdir(join(home, 'app'), { recursive: true });
    await mkdir(join(home, 'node_modules'));
    const links = ['next', 'react', 'react-dom'].map((name) => [join(ROOT, 'node_modules', name), name]);
    for (const [target = '', name = ''] of [...links, [join(app, 'node_modules/@stile'), '@stile']]) {
      await symlink(target, join(home, 'node_modules', name), 'junction');
    }
    const files = {
      'package.json': '{ "name": "next-app", "private": true, "type": "module" }',
      // Turbopack follows no link that leads out of its root.
      'next.config.js': `export default { turbopack: { root: ${JSON.stringify(parse(home).root)} } };`,
      'app/layout.jsx': `
        export default ({ children }) => <html lang="en"><body>{children}</body></html>;`,
      'app/page.jsx': `${SOURCE}
        import { Browser } from './Browser';
        export default () => <main><p>{JSON.stringify(answer)}</p><Browser /></main>;`,
      'app/Browser.jsx': `'use client';
        ${SOURCE}
        export const Browser = () => <p>{JSON.stringify(answer)}</p>;`,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text);
    await run(process.execPath, [join(ROOT, 'node_modules/next/dist/bin/next'), 'build'], {
      cwd: home,
      env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
    }).catch(({ stdout, stderr }) => expect.fail(`${stdout}\n${stderr}`));

    const page = await readFile(join(home, '.next/server/app/index.html'), 'utf8');
    const shown = [...page.matchAll(/<p>(.*?)<\/p>/g)].map(([, text = '']) => text.replaceAll('&quot;', '"'));
    expect(shown.map((text) => JSON.parse(text))).toEqual([ANSWER, ANSWER]);
    // The client is in a script for the browser, too.
    const scripts = (await readdir(join(home, '.next/static'), { recursive: true })).filter((file) =>
      file.endsWith('.js'),
    );
    const texts = await Promise.all(
      scripts.map((file) => readFile(join(home, '.next/static', file), 'utf8')),
    );
    expect(texts.filter((text) => text.includes('x-dyn-session-id'))).toHaveLength(1);
  }, 300_000);

  async function answerOf(file: string): Promise<unknown> {
    const url = pathToFileURL(join(app, file)).href;
    const code = `console.log(JSON.stringify((await import('${url}')).answer))`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code]);
    return JSON.parse(stdout);
  }

  // TypeScript 7 has no `node10` any more. Tools that resolve that way find the entry by `main` and `types`, see above.
  it.each([
    ['bundler', 'preserve'],
    ['nodenext', 'nodenext'],
  ])('have types for the strictest settings, resolved the way of %s', async (moduleResolution, module) => {
    const source = `
      import { createStileClient, registerPasskey, sendEmailOTP, signInWithPasskey, updateUser } from '@stile/client';
      declare const maybe: string | undefined;
      export async function use(): Promise<void> {
        const logger = undefined;
        createStileClient({
          environmentId: 'e',
          autoInitialize: undefined,
          metadata: { name: maybe, universalLink: maybe },
          coreConfig: { apiBaseUrl: maybe, logger, fetch: undefined, storageAdapter: undefined, keychain: undefined },
        });
        await sendEmailOTP({ email: maybe });
        await registerPasskey({ extensions: undefined, createMfaToken: undefined });
        await signInWithPasskey({ mediation: undefined, signal: undefined });
        await updateUser({ userFields: { firstName: maybe } });
      }
    `;
    const folder = join(app, `types-${moduleResolution}`);
    await mkdir(folder);
    await writeFile(join(folder, 'use.ts'), source);
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['es2022', 'dom'],
      types: [],
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    await tsc(['-p', folder]).catch(({ stdout }) => expect.fail(stdout));
  });
});
