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

/** The digits of a text, those of every script as ASCII digits, as the server reads them. At most as many as a code has. */
export function digitsIn(text: string): string {
  const digits = [...text.normalize('NFKC')]
    .filter(isDigit)
    .map((digit) => decimalOf(digit.codePointAt(0) ?? 0));
  return digits.join('').slice(0, LONGEST);
}

function isDigit(character: string): boolean {
  return /^\p{Nd}$/u.test(character);
}

/** Unicode keeps the ten digits of each set together and in order (§4.6), so the digits before one say which it is. */
function decimalOf(code: number): number {
  let before = 0;
  while (isDigit(String.fromCodePoint(code - before - 1))) before++;
  return before % 10;
}

/** Long codes and keys in groups of four, so that nobody loses their place; six digits or fewer stay together. */
export function inGroups(text: string): string {
  return text.length <= 6 ? text : (text.match(/.{1,4}/g)?.join(' ') ?? '');
}
