import { describe, expect, it } from 'vitest';
import { codeLengthOf, digitsIn, inGroups } from './codes';

describe('codes', () => {
  it('are as long as the server says, within 6 and 12 digits', () => {
    for (const [codeLength, length] of [
      [undefined, 6],
      [6, 6],
      [8, 8],
      [12, 12],
      [13, 6],
      [5, 6],
      ['12', 6],
      [7.5, 6],
    ] as const) {
      expect(codeLengthOf({ codeLength })).toBe(length);
    }
  });

  it('are read in the digits of every script that browsers write', () => {
    const scripts = Intl.supportedValuesOf('numberingSystem').flatMap((numberingSystem) => {
      const format = new Intl.NumberFormat('en', { numberingSystem, useGrouping: false });
      const digits = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((value) => format.format(value)).join('');
      // The Han numerals are no decimal digits, neither here nor at the server.
      return /^\p{Nd}{10}$/u.test(digits) ? [digits] : [];
    });
    expect(scripts.length).toBeGreaterThan(50);
    expect(scripts).toContain('٩٨٧٦٥٤٣٢١٠');
    for (const digits of scripts) expect(digitsIn(digits), digits).toBe('9876543210');
  });

  it('are read wherever they stand, and no more digits than a code has', () => {
    for (const [text, digits] of [
      ['123 456', '123456'],
      ['Your code is 123-456.', '123456'],
      ['\u{200f}۱۲۳\u{a0}۴۵۶\u{200e}', '123456'],
      ['१२३४ ٥٦٧٨ ９०12', '123456789012'],
      ['𝟙𝟚𝟛𝟺𝟻𝟼', '123456'],
      ['1234567890123', '123456789012'],
      ['一二三', ''],
      ['', ''],
    ] as const) {
      expect(digitsIn(text), text).toBe(digits);
    }
  });

  it('are shown in groups of four when they are long', () => {
    expect(inGroups('012345')).toBe('012345');
    expect(inGroups('012345678901')).toBe('0123 4567 8901');
    expect(inGroups('ABCDEFGHIJ')).toBe('ABCD EFGH IJ');
    expect(inGroups('')).toBe('');
  });
});
