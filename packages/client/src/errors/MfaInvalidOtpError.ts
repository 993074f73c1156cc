import type { APIError } from './APIError.js';
import { StileError } from './StileError.js';

/** The code of a second factor is wrong. The server's error is the cause. */
export class MfaInvalidOtpError extends StileError {
  constructor(cause: APIError) {
    const { message, status, retryAfter } = cause;
    super({ code: 'mfa_invalid_otp_error', message, status, retryAfter, cause });
    this.name = 'MfaInvalidOtpError';
  }
}
