// docs/getting-started.md, followed to the letter. Only ports and folders are others than in the document, and what
// comes from a registry is taken from this checkout.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BINARY } from './lib/server.mjs';
import { journey } from './lib/stage.mjs';
import { within } from './lib/wait.mjs';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ANN = 'ann@example.org';

journey('the first page of the documents signs in, enrols a passkey and steps up', async (stage) => {
  const { stile, mail, visitor } = stage;
  const [page, backend] = await Promise.all([freePort(), freePort()]);
  const text = (await readFile(join(ROOT, 'docs/getting-started.md'), 'utf8'))
    .replaceAll('localhost:7845', `localhost:${stile.port}`)
    .replaceAll('localhost:5173', `localhost:${page}`)
    .replaceAll('port: 5173', `port: ${page}`)
    .replaceAll('localhost:3000', `localhost:${backend}`)
    .replaceAll('listen(3000', `listen(${backend}`);
  const [start, environment, packages, ends] = shellBlocks(text);
  assert.deepEqual(start, ['cargo xtask up']);
  assert.ok(environment && packages && ends);

  const folder = await mkdtemp(join(tmpdir(), 'stile-my-app-'));
  /** @type {import('node:child_process').ChildProcess[]} */
  const children = [];
  try {
    let token = '';
    for (const command of environment) {
      const { stdout } = await run(BINARY, stileWords(command, stile.dataDir));
      token = stdout.match(/stile_\S+/)?.[0] ?? token;
    }
    await install(packages, folder);
    for (const [name, content] of files(text)) await writeFile(join(folder, name), content);

    assert.deepEqual(ends, ['STILE_API_TOKEN=stile_… node server.mjs', 'npx vite']);
    const env = { ...process.env, STILE_API_TOKEN: token };
    children.push(spawn(process.execPath, ['server.mjs'], { cwd: folder, env, stdio: 'inherit' }));
    const vite = spawn(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js')], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(vite);
    await within(ready(vite), 'vite to be ready');

    const ann = await visitor({ context: { baseURL: `http://localhost:${page}` } });
    const button = (/** @type {string} */ name) => ann.page.getByRole('button', { name, exact: true });
    const says = (/** @type {string} */ what) => ann.page.getByRole('status').getByText(what).waitFor();
    await ann.page.goto('/');
    const refused = await fetch(`http://localhost:${page}/api/pay`, { method: 'POST' });
    assert.deepEqual([refused.status, await refused.text()], [401, 'Sign in first.']);

    await ann.page.getByLabel('E-mail').fill(ANN);
    await button('Send code').click();
    await says('The code is in your mail.');
    const { code } = await mail.waitForMail(ANN);
    await ann.page.getByLabel('Code').fill(code ?? '');
    await button('Sign in').click();
    await says(`Signed in as ${ANN}.`);
    await button('Add a passkey').click();
    await says('Your passkey is added.');

    // Each payment takes a proof of its own; without one the backend refuses.
    const proofs = () =>
      ann.page.waitForResponse((answer) => answer.url().endsWith('/users/mfa/auth/passkey'));
    for (let payment = 0; payment < 2; payment += 1) {
      const [proof] = await Promise.all([proofs(), button('Pay').click()]);
      assert.equal(proof.status(), 200);
      await says('Paid.');
      await ann.page.getByRole('status').evaluate((status) => status.replaceChildren());
    }
    await ann.authenticator?.setUserVerified(false);
    await button('Pay').click();
    await ann.page.getByRole('status').getByText(/./).waitFor();
    assert.doesNotMatch((await ann.page.getByRole('status').textContent()) ?? '', /Paid/);
  } finally {
    for (const child of children) {
      const gone = once(child, 'exit');
      if (child.exitCode === null && child.kill()) await gone;
    }
    await rm(folder, { recursive: true, force: true });
  }
});

/**
 * The commands of each shell block.
 *
 * @param {string} text
 */
function shellBlocks(text) {
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((block) => (block[1] ?? '').trim().split('\n'));
}

/**
 * The files of the document: a name between backticks in the line or paragraph before a block of code.
 *
 * @param {string} text
 */
function files(text) {
  const found = [...text.matchAll(/^`([\w.]+)`[^`]*?\n\n```(?:html|js)\n(.*?)^```$/gms)];
  assert.deepEqual(
    found.map((file) => file[1]),
    ['index.html', 'app.js', 'server.mjs', 'vite.config.mjs'],
  );
  return found.map((file) => /** @type {[string, string]} */ ([file[1], file[2]]));
}

/**
 * The words of a command as a shell would hand them to `stile`.
 *
 * @param {string} command
 * @param {string} data
 */
function stileWords(command, data) {
  const [program, ...words] = [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );
  assert.equal(program, 'stile');
  return words.map((word) => (word === '.stile' ? data : word));
}

/**
 * Packs both packages and installs them, as the document says.
 *
 * @param {string[]} commands
 * @param {string} folder
 */
async function install(commands, folder) {
  const [make, pack, enter, init, add, ...more] = commands;
  assert.deepEqual([make, enter, init, more], ['mkdir ../my-app', 'cd ../my-app', 'npm init -y', []]);
  const npm = (/** @type {string[]} */ words, /** @type {string} */ cwd) => run('npm', words, { cwd });
  const packWords = (pack ?? '').replace('../my-app', folder).split(' ');
  assert.equal(packWords.shift(), 'npm');
  await npm(packWords, ROOT);
  await npm(['init', '-y'], folder);
  const [program, verb, ...names] = (add ?? '').split(' ');
  assert.deepEqual([program, verb], ['npm', 'install']);
  const packed = names.filter((name) => name.endsWith('.tgz'));
  assert.equal(packed.length, 2);
  await npm(['install', '--offline', '--no-audit', '--no-fund', ...packed], folder);
  // Nothing is fetched in a test: what the document takes from a registry, this checkout has.
  for (const name of names.filter((each) => !packed.includes(each))) {
    await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  for (const name of ['@stile/api', '@stile/client']) {
    await stat(join(folder, 'node_modules', name, 'package.json'));
  }
}

async function freePort() {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** @param {import('node:child_process').ChildProcess} child */
async function ready(child) {
  if (!child.stdout) throw new Error('no output to read');
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('ready in')) return;
  throw new Error('vite ended');
}
