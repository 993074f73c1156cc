import type { JwtScope, SdkUser } from '@stile/api';

/**
 * Whether the user's session has all of these scopes, e.g. `JwtScope.Userbasic` for a completed sign-in. Whole words
 * are compared.
 */
export function checkUserScopes({
  scopes,
  user,
}: {
  scopes: readonly (JwtScope | (string & Record<never, never>))[];
  user: SdkUser;
}): boolean {
  const held = new Set((user.scope ?? '').split(' '));
  return scopes.every((scope) => held.has(scope));
}
