import type { APIError } from './APIError.js';
import { StileError } from './StileError.js';

/** Too many attempts at a second factor. The server's error is the cause. */
export class MfaRateLimitedError extends StileError {
  constructor(cause: APIError) {
    const { message, status, retryAfter } = cause;
    super({ code: 'mfa_rate_limited_error', message, status, retryAfter, cause });
    this.name = 'MfaRateLimitedError';
  }
}
