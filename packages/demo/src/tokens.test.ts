import { describe, expect, it } from 'vitest';
import { decodeToken, timeLeft, timeOf } from './tokens';

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('decodeToken', () => {
  it('gives header and claims, in any script', () => {
    const raw = `${part({ alg: 'ES256', typ: 'at+jwt' })}.${part({ sub: 'u', alias: 'Zoë 🐄' })}.c2ln`;
    expect(decodeToken(raw)).toEqual({
      raw,
      header: { alg: 'ES256', typ: 'at+jwt' },
      claims: { sub: 'u', alias: 'Zoë 🐄' },
    });
  });

  it('answers nothing for what is no JWT', () => {
    for (const raw of [
      '',
      'a',
      'a.b.c',
      `${part({})}.${part([])}.s`,
      `${part({})}.${part({})}`,
      `${part({})}.${part({})}.s.t`,
    ]) {
      expect(decodeToken(raw), raw).toBeUndefined();
    }
  });
});

it('timeOf reads Unix seconds', () => {
  expect(timeOf(1_700_000_000)?.toISOString()).toBe('2023-11-14T22:13:20.000Z');
  expect(timeOf('1700000000')).toBeUndefined();
});

it('timeLeft says the two largest units', () => {
  const left = (seconds: number) => timeLeft(seconds * 1000, 0);
  expect(left(0)).toBeUndefined();
  expect(left(-5)).toBeUndefined();
  expect(left(0.2)).toBe('1 s');
  expect(left(59)).toBe('59 s');
  expect(left(60)).toBe('1 min');
  expect(left(252)).toBe('4 min 12 s');
  expect(left(7200)).toBe('2 h');
  expect(left(90_061)).toBe('1 d 1 h');
});
