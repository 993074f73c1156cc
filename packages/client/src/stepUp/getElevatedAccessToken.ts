import type { Scope } from '@stile/api';
import { coreOf } from '../internal/core.js';
import { findElevatedToken, takeElevatedToken } from '../internal/elevatedTokens.js';
import type { StileClient } from '../types.js';

/**
 * An unexpired elevated token for the scope, for a request of the app's own (header `x-dyn-elevated-access-token`).
 *
 * @param params.consume whether a single-use token is gone from the client afterwards. Default: `true`
 */
export function getElevatedAccessToken(
  { scope, consume = true }: { scope: Scope; consume?: boolean | undefined },
  client?: StileClient,
): string | undefined {
  const core = coreOf(client);
  return (consume ? takeElevatedToken(core, [scope]) : findElevatedToken(core, scope))?.token;
}
