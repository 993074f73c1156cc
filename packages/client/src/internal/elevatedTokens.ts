import { serverNow } from './clock.js';
import type { Core } from './core.js';
import { type ElevatedToken, haveSameScopes, withoutToken, withToken } from './elevatedToken.js';
import { commit } from './recordStore.js';

/** The first held token for the scope that has not expired. */
export function findElevatedToken(core: Core, scope: string): ElevatedToken | undefined {
  const now = serverNow(core);
  return [...core.record.elevated, ...core.singleUse].find(
    ({ scopes, expiresAt }) => expiresAt > now && scopes.includes(scope),
  );
}

/** As `findElevatedToken`, and a single-use token is gone afterwards, whatever becomes of the request. */
export function takeElevatedToken(core: Core, scopes: readonly string[]): ElevatedToken | undefined {
  for (const scope of scopes) {
    const found = findElevatedToken(core, scope);
    if (!found) continue;
    if (found.singleUse) core.singleUse = withoutToken(core.singleUse, found.token);
    return found;
  }
  return undefined;
}

/** Holds a token that has just come; the record has it already when it is for several uses. */
export function holdElevatedToken(core: Core, token: ElevatedToken): void {
  if (token.singleUse) {
    const replaced = core.record.elevated.find((held) => haveSameScopes(held, token));
    core.singleUse = withToken(core.singleUse, token);
    if (replaced) commit(core, { type: 'elevated-token-gone', token: replaced.token });
  } else {
    core.singleUse = core.singleUse.filter((held) => !haveSameScopes(held, token));
  }
}

const REFUSED = ['elevated_token_invalid', 'elevated_token_expired', 'elevated_token_used'];

/** Forgets a token that the server refused, for instance because the passkey behind it was removed. */
export function dropRefusedToken(core: Core, token: string, code: string): void {
  if (!REFUSED.includes(code)) return;
  core.singleUse = withoutToken(core.singleUse, token);
  commit(core, { type: 'elevated-token-gone', token });
}
