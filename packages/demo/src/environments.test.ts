import { expect, it } from 'vitest';
import { ENVIRONMENTS, environmentOf } from './environments';

it('is chosen by number or by id, and is the first otherwise', () => {
  expect(environmentOf('?env=2').name).toBe('Actions');
  expect(environmentOf('?devToken=x&env=5711e000-0000-4000-8000-000000000003').name).toBe('Account');
  for (const search of ['', '?env=', '?env=4', '?env=__proto__', '?environment=2'])
    expect(environmentOf(search), search).toBe(ENVIRONMENTS[0]);
});
