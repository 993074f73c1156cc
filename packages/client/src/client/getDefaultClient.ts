import { onlyClient } from '../internal/core.js';
import type { StileClient } from '../types.js';

/**
 * The only client.
 *
 * @throws ClientNotFoundError when there is none
 * @throws MultipleClientsFoundError when there are several
 */
export function getDefaultClient(): StileClient {
  return onlyClient();
}
