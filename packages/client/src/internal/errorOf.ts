import { APIError } from '../errors/APIError.js';
import { MfaInvalidOtpError } from '../errors/MfaInvalidOtpError.js';
import { MfaRateLimitedError } from '../errors/MfaRateLimitedError.js';
import type { StileError } from '../errors/StileError.js';
import { UnauthorizedError } from '../errors/UnauthorizedError.js';

/** What an error answer becomes. Its body should be `{"error": "text", "code": "stable_code", …}`. */
export async function errorOf(response: Response): Promise<StileError> {
  const body: unknown = await response.json().catch(() => undefined);
  const { error, code, payload, ...rest } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  const { status } = response;
  const retryAfter = secondsOf(response.headers.get('retry-after'));
  if (typeof error !== 'string') {
    if (status === 401) return new UnauthorizedError(body, retryAfter);
    // A proxy in between, perhaps. The public contract's client throws the bare Response here.
    return new APIError({
      code: 'unknown_error',
      message: `The server answered ${status}`,
      status,
      payload: body,
      retryAfter,
    });
  }
  const apiError = new APIError({
    code: typeof code === 'string' ? code : 'unknown_error',
    message: error,
    status,
    payload: payload ?? (Object.keys(rest).length > 0 ? rest : undefined),
    retryAfter,
  });
  if (code === 'mfa_invalid_code') return new MfaInvalidOtpError(apiError);
  if (code === 'mfa_rate_limited') return new MfaRateLimitedError(apiError);
  return apiError;
}

/** `Retry-After` in seconds (RFC 9110 §10.2.3): a number of them, or a date, as some proxies send it. */
function secondsOf(header: string | null): number | undefined {
  if (!header) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}
