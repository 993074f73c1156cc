import { expect, it } from 'vitest';
import { entryOf, shortPath, textOf, tokensIn } from './log';

const url = new URL('http://localhost:7845/api/v0/sdk/5711e000-0000-4000-8000-000000000001/stepUp/check');
const exchange = { at: new Date(0), method: 'POST', url, ms: 3 };

it('leaves out of a path what all calls have in common', () => {
  expect(shortPath(url)).toBe('/stepUp/check');
  expect(shortPath(new URL('http://localhost/demo/api/vault/open?a=b'))).toBe('/demo/api/vault/open?a=b');
});

it('keeps what decides: body, tokens, and the code of a refusal', () => {
  const init = {
    body: '{"scope":"vault:open"}',
    headers: { Authorization: 'Bearer t', 'x-dyn-request-id': 'r' },
  };
  const refused = entryOf({ ...exchange, init, status: 403, answer: { code: 'elevated_token_required' } });
  expect(refused).toMatchObject({
    path: '/stepUp/check',
    code: 'elevated_token_required',
    sent: { headers: { authorization: 'Bearer t' }, body: { scope: 'vault:open' } },
  });
  // A field of this name in a good answer is no error code.
  expect(entryOf({ ...exchange, init: {}, status: 200, answer: { code: '123456' } })).toMatchObject({
    code: undefined,
    sent: {},
  });
});

it('finds the tokens of an answer', () => {
  expect(tokensIn({ minifiedJwt: 'a', jwt: 'i', elevatedAccessToken: 'e', user: {} })).toEqual({
    access: 'a',
    identity: 'i',
    elevated: 'e',
  });
  expect(tokensIn({ elevatedAccessToken: null })).toEqual({});
  expect(tokensIn('text')).toEqual({});
});

it('gives an entry as text', () => {
  const entry = entryOf({ ...exchange, init: {}, status: undefined, answer: undefined });
  expect(textOf(entry)).toBe(
    '1970-01-01T00:00:00.000Z POST /stepUp/check → no answer (3 ms)\nsent: {}\nanswer: (empty)',
  );
});
