/** A token taken apart, to be looked at. Nothing here verifies it: that is the work of servers. */
export type DecodedToken = { raw: string; header: Record<string, unknown>; claims: Record<string, unknown> };

/** Takes a JWT apart; `undefined` when it is none. */
export function decodeToken(raw: string): DecodedToken | undefined {
  const [header, claims, signature, ...more] = raw.split('.');
  if (!header || !claims || signature === undefined || more.length > 0) return undefined;
  try {
    return { raw, header: decodePart(header), claims: decodePart(claims) };
  } catch {
    return undefined;
  }
}

function decodePart(part: string): Record<string, unknown> {
  const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
  const value: unknown = JSON.parse(
    new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))),
  );
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('not an object');
  return value as Record<string, unknown>;
}

/** A claim that is a time, from Unix seconds. */
export function timeOf(claim: unknown): Date | undefined {
  return typeof claim === 'number' && Number.isFinite(claim) ? new Date(claim * 1000) : undefined;
}

/** "4 min 12 s"; `undefined` when the time has come. Both in milliseconds since 1970. */
export function timeLeft(until: number, now: number): string | undefined {
  const seconds = Math.ceil((until - now) / 1000);
  if (seconds <= 0) return undefined;
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = units.findIndex(([amount]) => amount > 0);
  // Two units say enough.
  const shown = units.slice(first, first + 2).filter(([amount]) => amount > 0);
  return shown.map(([amount, unit]) => `${amount} ${unit}`).join(' ');
}

/** Date and time where the reader is, with the zone. */
export function localTime(at: Date): string {
  return at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
}
