import { StileError } from './StileError.js';

/** No answer: no network, a server that is down, or an origin that the environment does not allow (CORS). */
export class NetworkError extends StileError {
  constructor(url: string, cause: unknown) {
    super({
      code: 'network_error',
      message: `No answer from ${url}: the server is not reachable, or this origin is not allowed`,
      cause,
    });
    this.name = 'NetworkError';
  }
}
