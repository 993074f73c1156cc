/** One of the environments that `stile dev` makes. */
export type Environment = {
  /** In the address of the page: `?env=2`. */
  key: string;
  id: string;
  name: string;
  /** What is asked of its users. */
  about: string;
  /** Whether its API version still takes legacy MFA tokens (`x-mfa-auth-token`). */
  takesMfaTokens: boolean;
};

const STEP_UP: Environment = {
  key: '1',
  id: '5711e000-0000-4000-8000-000000000001',
  name: 'Step-up',
  about: 'A second factor is your choice. Guarded actions ask for a fresh proof, each for its own scope.',
  takesMfaTokens: false,
};

const ACTIONS: Environment = {
  key: '2',
  id: '5711e000-0000-4000-8000-000000000002',
  name: 'Actions',
  about: 'API version 2026_01_01: protected actions ask for a second factor, and take MFA tokens.',
  takesMfaTokens: true,
};

const ACCOUNT: Environment = {
  key: '3',
  id: '5711e000-0000-4000-8000-000000000003',
  name: 'Account',
  about: 'Everybody enrols a second factor at sign-up, and proves it at every sign-in.',
  takesMfaTokens: false,
};

export const ENVIRONMENTS: readonly Environment[] = [STEP_UP, ACTIONS, ACCOUNT];

/** The environment that an address asks for, by number or by id; else the first. */
export function environmentOf(search: string): Environment {
  const wanted = new URLSearchParams(search).get('env');
  return ENVIRONMENTS.find(({ key, id }) => wanted === key || wanted === id) ?? STEP_UP;
}
