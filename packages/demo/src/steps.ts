import type { Step } from './Climb';

const PROOFS: Record<string, string> = {
  passkey: 'Last proof: passkey',
  totp: 'Last proof: app',
  email: 'Last proof: e-mail code',
};

const factorNote = (count: number) => (count > 1 ? `${count} of them` : 'Passkey or app');

/** The way to the vault. `by`: the format of what was proved last; absent when signed out. */
export function vaultSteps({
  by,
  factors,
  steppedUp,
  open,
}: {
  by: string | undefined;
  factors: number;
  steppedUp: boolean;
  open: boolean;
}): Step[] {
  return [
    {
      title: 'Signed in',
      note: (by && PROOFS[by]) ?? 'By code or passkey',
      done: by !== undefined,
    },
    {
      title: 'Second factor',
      note: factors > 0 ? factorNote(factors) : 'Or stay with codes',
      done: factors > 0,
    },
    { title: 'Stepped up', note: 'For this door, once', done: steppedUp },
    { title: 'Open', note: open ? 'Come in' : 'The other side', done: open },
  ];
}

/** The way to an action that asks for an MFA token. */
export function actionSteps({
  isIn = true,
  factors,
  token,
  done,
}: {
  isIn?: boolean;
  factors: number;
  token: boolean;
  done: boolean;
}): Step[] {
  return [
    { title: 'Signed in', note: 'By code or passkey', done: isIn },
    { title: 'Second factor', note: factorNote(factors), done: factors > 0 },
    { title: 'MFA token', note: token ? 'Held' : done ? 'Spent' : 'For one action', done: token || done },
    { title: 'Done', note: done ? 'Your profile is changed' : 'The other side', done },
  ];
}

/** The way into an account that wants two factors. `reached`: how many steps are done. */
export function accountSteps({ reached, factors = 0 }: { reached: number; factors?: number }): Step[] {
  const steps = [
    ['First factor', 'By code or passkey'],
    ['Second factor', factorNote(factors)],
    ['Recovery codes', 'For the day it is lost'],
    ['Over the stile', 'Your account'],
  ] as const;
  return steps.map(([title, note], at) => ({ title, note, done: at < reached }));
}
