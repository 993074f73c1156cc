import { JwtScope } from '@stile/api';
import { UserNotAuthenticatedError } from '../errors/UserNotAuthenticatedError.js';
import { coreOf } from '../internal/core.js';
import { checkUserScopes } from '../session/checkUserScopes.js';
import type { StileClient } from '../types.js';

/**
 * Whether the session still owes a second factor: one to enrol when the user has none, else one to prove.
 *
 * @throws UserNotAuthenticatedError when nobody is signed in
 */
export function isUserMissingMfaAuth(client?: StileClient): boolean {
  const { user } = coreOf(client).state;
  if (!user) throw new UserNotAuthenticatedError();
  return checkUserScopes({ scopes: [JwtScope.RequiresAdditionalAuth], user });
}
