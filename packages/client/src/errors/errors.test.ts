// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as api from '../index.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();

/** The codes that a page of the documents explains, sorted. */
async function headingsOf(page: string): Promise<string[]> {
  const text = await readFile(join(import.meta.dirname, '../../../..', page), 'utf8');
  return [...text.matchAll(/^## (.+)$/gm)].map(([, code = '']) => code).sort();
}

async function errorOfAnswer(answer: {
  status: number;
  json?: unknown;
  headers?: Record<string, string>;
}): Promise<api.StileError> {
  t.server.on('GET /users', () => answer);
  return api.refreshUser().then(
    () => Promise.reject(new Error('no error')),
    (error) => error,
  );
}

describe('errors', () => {
  it('carry text, code, status and payload of the server, flat', async () => {
    await t.open();
    const error = await errorOfAnswer({
      status: 422,
      json: { error: 'Merge?', code: 'merge_accounts_confirmation', payload: { mergeConflicts: {} } },
    });
    expect(error).toBeInstanceOf(api.APIError);
    expect(error).toBeInstanceOf(api.StileError);
    expect(error).toMatchObject({
      name: 'APIError',
      message: 'Merge?',
      code: 'merge_accounts_confirmation',
      status: 422,
      payload: { mergeConflicts: {} },
    });
    expect(
      await errorOfAnswer({ status: 403, json: { error: 'Elevated access token required' } }),
    ).toMatchObject({
      code: 'unknown_error',
      status: 403,
    });
  });

  it('map the codes that have a class of their own', async () => {
    await t.open();
    const invalid = await errorOfAnswer({ status: 422, json: { error: 'wrong', code: 'mfa_invalid_code' } });
    expect(invalid).toBeInstanceOf(api.MfaInvalidOtpError);
    expect(invalid).toMatchObject({ code: 'mfa_invalid_otp_error', message: 'wrong', status: 422 });
    expect(invalid.cause).toMatchObject({ name: 'APIError', code: 'mfa_invalid_code' });
    expect(
      await errorOfAnswer({ status: 429, json: { error: 'slow', code: 'mfa_rate_limited' } }),
    ).toBeInstanceOf(api.MfaRateLimitedError);
    expect(await errorOfAnswer({ status: 429, json: { error: 'slow' } })).toBeInstanceOf(api.APIError);
  });

  it('have a message also when the answer is not of that form', async () => {
    await t.open();
    expect(await errorOfAnswer({ status: 401 })).toBeInstanceOf(api.UnauthorizedError);
    expect(await errorOfAnswer({ status: 401, json: { error: { code: 'x' } } })).toMatchObject({
      code: 'unauthorized_error',
    });
    expect(await errorOfAnswer({ status: 400, json: { message: 'x' } })).toMatchObject({
      name: 'APIError',
      code: 'unknown_error',
      message: 'The server answered 400',
    });
    expect(await errorOfAnswer({ status: 502, json: [] })).toMatchObject({ status: 502 });
  });

  it('tell a server that is not reachable from one that refuses', async () => {
    await t.open();
    t.server.on('GET /users', () => {
      throw new TypeError('Failed to fetch');
    });
    await expect(api.refreshUser()).rejects.toMatchObject({
      name: 'NetworkError',
      code: 'network_error',
      cause: expect.any(TypeError),
    });
  });

  it('have each code explained in one place, the server’s or the client’s', async () => {
    const folder = join(import.meta.dirname, '..');
    const files = (await readdir(folder, { recursive: true })).filter(
      (file) => file.endsWith('.ts') && !/\.test\.ts$|^testing/.test(file),
    );
    const given = new Set<string>();
    for (const file of files) {
      const source = await readFile(join(folder, file), 'utf8');
      for (const [, code = ''] of source.matchAll(/\bcode: (?:[^,;\n]* : )?'([a-z_]+)'/g)) given.add(code);
    }
    const own = await headingsOf('docs/client-errors.md');
    expect([...given].sort()).toEqual(own);
    const server = await headingsOf('docs/errors.md');
    for (const [page, codes] of Object.entries({ 'docs/client-errors.md': own, 'docs/errors.md': server })) {
      for (const code of codes) {
        expect(new api.APIError({ code, message: 'x' }).docsUrl).toBe(`${page}#${code}`);
      }
    }
    expect(server).toContain('mfa_invalid_code');
    expect(server.filter((code) => own.includes(code))).toEqual([]);
  });

  it('of the server lead to its page', () => {
    const error = new api.APIError({ code: 'mfa_invalid_code', message: 'x' });
    expect(error.docsUrl).toBe('docs/errors.md#mfa_invalid_code');
  });

  it('are named after their class, each with a code and a page', async () => {
    const explained = await headingsOf('docs/client-errors.md');
    const cause = new api.APIError({ code: 'unknown_error', message: 'x' });
    const made = Object.entries(api).filter(([name]) => name.endsWith('Error') && name !== 'StileError');
    expect(made.length).toBe(14);
    for (const [name, Class] of made) {
      const error = new (Class as new (argument: unknown) => api.StileError)(cause);
      expect(error).toBeInstanceOf(api.StileError);
      expect(error.name).toBe(name);
      if (Class === api.APIError) continue;
      expect(explained).toContain(error.code);
      expect(error.docsUrl).toBe(`docs/client-errors.md#${error.code}`);
    }
  });
});
