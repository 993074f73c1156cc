import { StileError, type StileErrorOptions } from './StileError.js';

/**
 * The server refused. `code` is the server's, or `unknown_error`; `unexpected_answer` where the answer is not what the
 * call gives, such as the page of a proxy.
 */
export class APIError extends StileError {
  /** What the answer carried beside text and code, e.g. the `scope` that a step-up must grant. */
  readonly payload: unknown;

  constructor(options: StileErrorOptions & { payload?: unknown }) {
    super(options);
    this.name = 'APIError';
    this.payload = options.payload;
  }
}
