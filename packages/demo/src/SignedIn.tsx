import {
  getMfaDevices,
  getPasskeys,
  hasElevatedAccessToken,
  type MFADevice,
  MFADeviceType,
  refreshUser,
  type UserPasskey,
} from '@stile/client';
import { type ReactNode, useEffect, useState } from 'react';
import { Account } from './Account';
import { Actions } from './Actions';
import { Authenticators } from './Authenticators';
import { Climb, type Step } from './Climb';
import { isOffered, useStile, VAULT_OPEN } from './client';
import { Hero } from './Hero';
import { Passkeys } from './Passkeys';
import { RecoveryCodes } from './RecoveryCodes';
import { Sessions } from './Sessions';
import { accountSteps, actionSteps, vaultSteps } from './steps';
import { say, TroubleNote, useAction } from './ui';
import { Vault, type VaultState } from './Vault';

type Factors = { passkeys: UserPasskey[]; devices: MFADevice[] };

/** What every environment has below what it is about. */
function Panels({ intro }: { intro: (factors: Factors | undefined) => ReactNode }) {
  const [factors, setFactors] = useState<Factors>();
  const [changed, setChanged] = useState<string>();
  const { run, trouble } = useAction();

  const reload = async () => {
    const [passkeys, devices] = await Promise.all([getPasskeys(), getMfaDevices()]);
    setFactors({ passkeys, devices: devices.filter(({ verified }) => verified) });
  };
  useEffect(() => void run(reload), []);
  // Another tab may have changed them meanwhile.
  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && run(reload);
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  // Credentials and recovery codes of the user hang on the factors.
  const onChange = async (what: string) => {
    await Promise.all([reload(), refreshUser()]);
    if (!what) return;
    setChanged(what);
    say(what);
  };
  const hasBoth = Boolean(factors?.passkeys.length && factors.devices.length);
  const first = factors?.devices.some((device) => device.default) ? 'app' : 'passkey';

  return (
    <>
      {intro(factors)}
      <TroubleNote trouble={trouble} />
      <Passkeys passkeys={factors?.passkeys} first={hasBoth ? first : undefined} onChange={onChange} />
      {isOffered(MFADeviceType.Totp) && (
        <Authenticators
          devices={factors?.devices}
          hasChoice={hasBoth || (factors?.devices.length ?? 0) > 1}
          onChange={onChange}
        />
      )}
      <RecoveryCodes />
      <Sessions changed={changed} onSeen={() => setChanged(undefined)} />
      <Account />
    </>
  );
}

/** The environment with the vault: a scope of its own guards the door. */
export function VaultHome() {
  const { user } = useStile();
  const [vault, setVault] = useState<VaultState>({ is: 'locked' });
  const open = vault.is === 'open';
  const last = user?.verifiedCredentials.find(({ id }) => id === user.lastVerifiedCredentialId);
  const intro = (factors: Factors | undefined) => (
    <>
      {open ? (
        <Hero title="Your vault is open.">You are over the fence. The token that got you here is spent.</Hero>
      ) : (
        <Hero title="Your vault is locked.">
          Being signed in shows it to you. Opening it takes a proof that is fresh, and for this door alone.
        </Hero>
      )}
      <Climb
        steps={vaultSteps({
          by: last?.format ?? 'email',
          factors: countOf(factors),
          steppedUp: open || hasElevatedAccessToken(VAULT_OPEN),
          open,
        })}
      />
      <Vault vault={vault} setVault={setVault} />
    </>
  );
  return <Panels intro={intro} />;
}

/** The environment whose rules name actions. */
export function ActionsHome() {
  const { mfaToken } = useStile();
  const [done, setDone] = useState(false);
  const intro = (factors: Factors | undefined) => (
    <Intro
      title="Signed in, and not trusted with everything."
      steps={actionSteps({ factors: countOf(factors), token: mfaToken !== null, done })}
      more={<Actions factors={factors && countOf(factors)} setDone={setDone} />}
    >
      Some actions here ask those who have a second factor to prove it. Older apps do so with an MFA token.
    </Intro>
  );
  return <Panels intro={intro} />;
}

/** The environment that wants two factors at every sign-in. */
export function AccountHome() {
  const [vault, setVault] = useState<VaultState>({ is: 'locked' });
  const intro = (factors: Factors | undefined) => (
    <Intro
      title="You are in."
      steps={accountSteps({ reached: 4, factors: countOf(factors) })}
      more={<Vault vault={vault} setVault={setVault} />}
    >
      It took two factors, and it will at the next sign-in. The vault asks again all the same: its door wants
      a proof of its own.
    </Intro>
  );
  return <Panels intro={intro} />;
}

type IntroProps = { title: string; steps: readonly Step[]; more?: ReactNode; children: ReactNode };

function Intro({ title, steps, more, children }: IntroProps) {
  return (
    <>
      <Hero title={title}>{children}</Hero>
      <Climb steps={steps} />
      {more}
    </>
  );
}

const countOf = (factors: Factors | undefined) =>
  (factors?.passkeys.length ?? 0) + (factors?.devices.length ?? 0);
