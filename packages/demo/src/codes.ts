/** No code has more digits. */
export const LONGEST = 12;

/** The digits of a code, where the server does not say how many. */
const USUAL = 6;

/** How many digits the code of a verification has: 6, or up to 12 where the server says so. */
export function codeLengthOf(verification: object): number {
  const { codeLength } = verification as { codeLength?: unknown };
  const length = Number.isInteger(codeLength) ? Number(codeLength) : USUAL;
  return length >= USUAL && length <= LONGEST ? length : USUAL;
}

/** Long codes and keys in groups of four, so that nobody loses their place; six digits or fewer stay together. */
export function inGroups(text: string): string {
  return text.length <= 6 ? text : (text.match(/.{1,4}/g)?.join(' ') ?? '');
}
