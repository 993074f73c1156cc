import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

/** The binary: the variable `STILE`, or where cargo puts it. */
export const BINARY =
  process.env.STILE ?? fileURLToPath(new URL('../../target/debug/stile', import.meta.url));

/** The environments that `stile dev` makes. */
export const environments = {
  /** Step-up enforced, MFA optional. */
  stepUp: '5711e000-0000-4000-8000-000000000001',
  /** API version 2026_01_01, action-based MFA with legacy tokens. */
  actions: '5711e000-0000-4000-8000-000000000002',
  /** MFA for the whole account, enrolment at sign-up. */
  account: '5711e000-0000-4000-8000-000000000003',
};

/**
 * Starts `stile dev` on a free port with a data folder of its own.
 *
 * @param {object} [options]
 * @param {string} [options.smtpUrl]   where it sends mail; without it, mail goes to its own outbox
 * @param {string} [options.dataDir]   kept after `stop()`; without it, a new folder that is removed
 * @param {string} [options.listen]    default `127.0.0.1:0`
 * @param {string[]} [options.flags]   further flags
 * @param {Record<string, string>} [options.env]  further variables
 */
export async function startStile({ smtpUrl, dataDir, listen = '127.0.0.1:0', flags = [], env = {} } = {}) {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'stile-e2e-')));
  const args = ['dev', '--listen', listen, '--data-dir', folder];
  if (smtpUrl) args.push('--smtp-url', smtpUrl);
  const child = spawn(BINARY, [...args, ...flags], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // A test that dies must not leave a server behind.
  const orphaned = () => child.kill('SIGKILL');
  process.once('exit', orphaned);

  /** @type {string[]} */
  const log = [];
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(`${BINARY}: ${error.message}`));
    child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
  });
  /** @type {Promise<string>} */
  const address = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        const found = line.match(/listening on (http:\/\/[^\s"]+)/);
        if (found?.[1]) resolve(found[1]);
      });
    }
    ended.then((how) => reject(new Error(`stile dev ${how}\n${log.join('\n')}`)));
  });

  const stop = async () => {
    process.off('exit', orphaned);
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      // A server that does not stop in time is a bug: end it, and say so.
      await within(ended, 'stile dev to stop').catch((error) => {
        child.kill('SIGKILL');
        throw error;
      });
    }
    if (!dataDir) await rm(folder, { recursive: true, force: true });
  };

  let port = '';
  try {
    port = new URL(await within(address, () => `stile dev to listen\n${log.join('\n')}`)).port;
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }

  /** `localhost` and not the address: passkeys need a name. */
  const url = `http://localhost:${port}`;

  /**
   * @param {string} path
   * @param {unknown} [body]  sent as JSON by POST; without it, GET
   */
  const json = async (path, body) => {
    const post = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const answer = await fetch(url + path, body === undefined ? {} : post);
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  };

  return {
    url,
    port: Number(port),
    dataDir: folder,
    pid: child.pid,
    /** What it printed so far, line by line. */
    log,
    /** The base of the SDK API of an environment. */
    api: (environment = environments.stepUp) => `${url}/api/v0/sdk/${environment}`,
    json,
    /** @returns {Promise<{now: string}>} the server's clock */
    clock: () => json('/dev/clock'),
    /** @param {number} seconds  moves the server's clock forward */
    advanceClock: (seconds) => json('/dev/clock', { advanceSeconds: seconds }),
    /**
     * Mails and text messages to somebody, newest first.
     * @param {string} to
     * @returns {Promise<{to: string, subject: string, text: string, code: string, at: string}[]>}
     */
    outbox: (to) => json(`/dev/outbox?to=${encodeURIComponent(to)}`),
    /** Ends it as a person would, and waits until it is gone. */
    stop,
    /** Ends it as a power cut would. */
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
