import { StileError } from './StileError.js';

/** A 401 answer without an explanation. */
export class UnauthorizedError extends StileError {
  constructor(cause?: unknown, retryAfter?: number) {
    const message = 'The session is not valid (any more)';
    super({ code: 'unauthorized_error', message, status: 401, retryAfter, cause });
    this.name = 'UnauthorizedError';
  }
}
