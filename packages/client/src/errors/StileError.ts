/** Where the error codes are explained, one heading per code: the server's, and those that only the client gives. */
const DOCS = { server: 'docs/errors.md', client: 'docs/client-errors.md' };

/** Whether the client gives this code itself. Such codes end in `_error`; of the server's, one does, too. */
function isOwn(code: string): boolean {
  return code === 'unexpected_answer' || (code.endsWith('_error') && code !== 'internal_error');
}

export type StileErrorOptions = {
  code: string;
  message: string;
  status?: number | undefined;
  cause?: unknown;
  retryAfter?: number | undefined;
};

/**
 * Base of every error of this package. What the browser throws in a passkey ceremony (such as `NotAllowedError`
 * when the user cancels) passes through unchanged.
 */
export class StileError extends Error {
  /** Stable, for programs. */
  readonly code: string;
  /** HTTP status, when a server's answer caused the error. */
  readonly status: number | undefined;
  /** Seconds to wait before the next try, where the server says so. */
  readonly retryAfter: number | undefined;
  /** The paragraph about this code, from the root of Stile's repository. */
  readonly docsUrl: string;

  constructor({ code, message, status, cause, retryAfter }: StileErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StileError';
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.docsUrl = `${isOwn(code) ? DOCS.client : DOCS.server}#${code}`;
  }
}
