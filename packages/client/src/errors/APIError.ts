import { StileError, type StileErrorOptions } from './StileError.js';

/** The server refused. `code` is the server's, or `unknown_error`. */
export class APIError extends StileError {
  /** What the answer carried beside text and code, e.g. the `scope` that a step-up must grant. */
  readonly payload: unknown;
  /** Seconds to wait before the next try, where the server says so. */
  readonly retryAfter: number | undefined;

  constructor(options: StileErrorOptions & { payload?: unknown; retryAfter?: number | undefined }) {
    super(options);
    this.name = 'APIError';
    this.payload = options.payload;
    this.retryAfter = options.retryAfter;
  }
}
