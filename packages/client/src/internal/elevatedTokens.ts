import { InvalidParamError } from '../errors/InvalidParamError.js';
import type { Core } from './core.js';
import { fromBase64Url } from './encoding.js';
import { setState } from './state.js';

/** An elevated access token that the client holds. */
export type ElevatedToken = {
  token: string;
  scopes: string[];
  singleUse: boolean;
  /** Milliseconds since 1970. */
  expiresAt: number;
};

/**
 * Reads what the client must know of a token; its signature is the server's business. Answers `undefined` for one
 * that grants nothing: no scope, no expiry, or past it. Throws `InvalidParamError` when it is no JWT at all.
 */
export function parseElevatedToken(token: string): ElevatedToken | undefined {
  const { scope, exp, singleUse } = claimsOf(token);
  if (scope !== undefined && typeof scope !== 'string') {
    throw new InvalidParamError('The scope of an elevated access token must be one string');
  }
  if (!scope || typeof exp !== 'number' || exp * 1000 <= Date.now()) return undefined;
  const scopes = [...new Set(scope.split(' '))].filter(Boolean).sort();
  return { token, scopes, singleUse: singleUse === true, expiresAt: exp * 1000 };
}

function claimsOf(token: string): Record<string, unknown> {
  const parts = token.split('.');
  try {
    if (parts.length !== 3 || !parts[1]) throw new Error('not three parts');
    return JSON.parse(new TextDecoder().decode(fromBase64Url(parts[1])));
  } catch (cause) {
    throw new InvalidParamError('The elevated access token is not a JWT', cause);
  }
}

/** Adds a token. One with the very same set of scopes gives way to it, in its place; others stay. */
export function withToken(held: readonly ElevatedToken[], added: ElevatedToken): ElevatedToken[] {
  const setOf = ({ scopes }: ElevatedToken) => scopes.join(' ');
  const place = held.findIndex((token) => setOf(token) === setOf(added));
  return place < 0 ? [...held, added] : held.map((token, at) => (at === place ? added : token));
}

/** The tokens that may be written to storage. A single-use token stays in memory: it must not outlive the page. */
export function storable(held: readonly ElevatedToken[]): ElevatedToken[] {
  return held.filter(({ singleUse }) => !singleUse);
}

/** The first held token for the scope that has not expired; expired ones are dropped on the way. */
export function findElevatedToken(core: Core, scope: string): ElevatedToken | undefined {
  const now = Date.now();
  const held = core.state.elevatedAccessTokens.filter(({ expiresAt }) => expiresAt > now);
  if (held.length !== core.state.elevatedAccessTokens.length) setState(core, { elevatedAccessTokens: held });
  return held.find(({ scopes }) => scopes.includes(scope));
}

/** As `findElevatedToken`, and a single-use token is gone afterwards, whatever becomes of the request. */
export function takeElevatedToken(core: Core, scopes: readonly string[]): string | undefined {
  for (const scope of scopes) {
    const found = findElevatedToken(core, scope);
    if (!found) continue;
    if (found.singleUse) {
      setState(core, {
        elevatedAccessTokens: core.state.elevatedAccessTokens.filter((held) => held !== found),
      });
    }
    return found.token;
  }
  return undefined;
}

const REFUSED = ['elevated_token_invalid', 'elevated_token_expired', 'elevated_token_used'];

/** Forgets a token that the server refused, for instance because the passkey behind it was removed. */
export function dropRefusedToken(core: Core, token: string, code: string): void {
  if (!REFUSED.includes(code)) return;
  const held = core.state.elevatedAccessTokens.filter((each) => each.token !== token);
  setState(core, { elevatedAccessTokens: held });
}
