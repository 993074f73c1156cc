// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import * as api from '../index.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();

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

  it('are named after their class, each with a code and a page', () => {
    const cause = new api.APIError({ code: 'x', message: 'x' });
    const made = Object.entries(api).filter(([name]) => name.endsWith('Error') && name !== 'StileError');
    expect(made.length).toBe(14);
    for (const [name, Class] of made) {
      const error = new (Class as new (argument: unknown) => api.StileError)(cause);
      expect(error).toBeInstanceOf(api.StileError);
      expect(error.name).toBe(name);
      expect(error.docsUrl).toBe(`docs/errors.md#${error.code}`);
    }
  });
});
