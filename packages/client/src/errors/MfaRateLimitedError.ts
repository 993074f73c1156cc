import type { APIError } from './APIError.js';
import { StileError } from './StileError.js';

/** Too many attempts at a second factor. The server's error is the cause. */
export class MfaRateLimitedError extends StileError {
  /** Seconds to wait before the next try, where the server says so. */
  readonly retryAfter: number | undefined;

  constructor(cause: APIError) {
    super({ code: 'mfa_rate_limited_error', message: cause.message, status: cause.status, cause });
    this.name = 'MfaRateLimitedError';
    this.retryAfter = cause.retryAfter;
  }
}
