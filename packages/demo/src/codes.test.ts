import { describe, expect, it } from 'vitest';
import { codeLengthOf, inGroups } from './codes';

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

  it('are shown in groups of four when they are long', () => {
    expect(inGroups('012345')).toBe('012345');
    expect(inGroups('012345678901')).toBe('0123 4567 8901');
    expect(inGroups('ABCDEFGHIJ')).toBe('ABCD EFGH IJ');
    expect(inGroups('')).toBe('');
  });
});
