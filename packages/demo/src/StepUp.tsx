import {
  checkStepUpAuth,
  getMfaMethods,
  isPendingRecoveryCodesAcknowledgment,
  type Scope,
} from '@stile/client';
import { useEffect, useState } from 'react';
import { client } from './client';
import { type Method, methodsOf, namedOf } from './methods';
import { Proof, type Wanted } from './Proof';
import { Button, say, TroubleNote, useAction } from './ui';

/** What can be proved, and what the rule of the environment says beyond that. */
type Check = { methods: Method[]; rule?: string };

type Props = {
  /** What is asked for; without it, a second factor as such. */
  scope: Scope | undefined;
  /** Ask for a legacy MFA token instead of an elevated one. */
  byMfaToken?: boolean;
  takesFocus?: boolean;
  onProved: () => unknown;
};

/** Asks for the proof that the scope needs. Afterwards the client holds a token for it. */
export function StepUp({ scope, byMfaToken = false, takesFocus = false, onProved }: Props) {
  const [check, setCheck] = useState<Check>();
  const { run, busy, trouble } = useAction();

  const look = () => run(async () => setCheck(scope ? await whatFor(scope) : await whatever()));
  useEffect(() => void look(), [scope]);

  const proved = async () => {
    say(scope ? `Stepped up for ${scope}.` : 'Second factor proved.');
    await onProved();
  };

  if (!check) {
    return trouble ? <TroubleNote trouble={trouble} /> : <p className="quiet">Asking what you can prove…</p>;
  }
  if (check.methods.length === 0) {
    return (
      <>
        <TroubleNote
          trouble={{
            text: 'The server named nothing that you could prove.',
            todo: 'It may be out of reach.',
          }}
        />
        <Button busy={busy} onClick={look}>
          Ask again
        </Button>
      </>
    );
  }
  const hasFactor = check.methods.some(({ format }) => format !== 'email');
  const wanted: Wanted =
    byMfaToken && hasFactor ? { mfaToken: { singleUse: true } } : { ...(scope ? { scope } : undefined) };
  return (
    <>
      {check.rule && <p className="quiet">{check.rule}</p>}
      <Proof
        methods={check.methods}
        wanted={wanted}
        verb="Step up"
        takesFocus={takesFocus}
        onProved={proved}
      />
    </>
  );
}

async function whatFor(scope: Scope): Promise<Check> {
  const { credentials, defaultCredentialId, satisfiedBy } = await checkStepUpAuth({ scope });
  // Nothing is named when the client holds a token (that the server took no more), or could not ask.
  const all = client.user?.verifiedCredentials ?? [];
  const factors = all.filter(({ format }) => format === 'passkey' || format === 'totp');
  const fallback = factors.length > 0 ? factors : all;
  const rule = RULES[satisfiedBy?.strength ?? ''];
  const methods = methodsOf(credentials.length > 0 ? credentials : fallback, {
    defaultId: defaultCredentialId,
    // What must be a passkey cannot be a recovery code.
    hasRecoveryCodes: !rule && hasRecoveryCodes(),
  });
  return { methods, ...(rule ? { rule } : undefined) };
}

async function whatever(): Promise<Check> {
  const { named, defaultId } = namedOf(await getMfaMethods());
  // A recovery code does not stand in here: it must not be enough to read the others.
  return { methods: methodsOf(named, { defaultId, hasRecoveryCodes: false }) };
}

/** Codes exist beside a second factor, once it is verified. */
export function hasRecoveryCodes(): boolean {
  return isPendingRecoveryCodesAcknowledgment() || client.user?.mfaBackupCodeAcknowledgement === 'complete';
}

/** Where a rule wants more than any second factor. */
const RULES: Record<string, string> = {
  phishing_resistant: 'The rule here wants a passkey.',
  phishing_resistant_verified: 'The rule here wants a passkey that checks who you are.',
};
