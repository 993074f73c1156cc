import { fromBase64Url } from './encoding.js';

/** The claims of a JWT, unverified: that is the server's business. `undefined` when the text is none. */
export function claimsOf(token: string): Record<string, unknown> | undefined {
  const parts = token.split('.');
  if (parts.length !== 3 || !parts[1]) return undefined;
  try {
    const claims: unknown = JSON.parse(new TextDecoder().decode(fromBase64Url(parts[1])));
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** When a token was issued, by the server's clock, in milliseconds since 1970. */
export function issuedAtOf(token: string | null | undefined): number | null {
  const iat = token ? claimsOf(token)?.iat : undefined;
  return typeof iat === 'number' && Number.isFinite(iat) ? iat * 1000 : null;
}
