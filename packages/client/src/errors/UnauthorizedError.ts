import { StileError } from './StileError.js';

/** A 401 answer without an explanation. */
export class UnauthorizedError extends StileError {
  constructor(cause?: unknown) {
    super({ code: 'unauthorized_error', message: 'The session is not valid (any more)', status: 401, cause });
    this.name = 'UnauthorizedError';
  }
}
