import {
  authenticateMfaRecoveryCode,
  authenticatePasskeyMFA,
  authenticateTotpMfaDevice,
  type Scope,
  sendEmailOTP,
  verifyOTP,
} from '@stile/client';
import { type FormEvent, useState } from 'react';
import { CodeField } from './Code';
import { EmailCode } from './EmailCode';
import type { Method } from './methods';
import { Button, Field, TroubleNote, useAction } from './ui';
import { waitingFor } from './waiting';

/** What the proof is to give; without both, it only completes the sign-in. */
export type Wanted = {
  /** An elevated access token for this scope. */
  scope?: Scope;
  /** A legacy MFA token. */
  mfaToken?: { singleUse: boolean };
};

type Props = {
  methods: readonly Method[];
  wanted: Wanted;
  /** What the person does by it: the text of the buttons. */
  verb: string;
  /** Whether a lone button takes the focus; fields do. */
  takesFocus?: boolean;
  onProved: () => unknown;
};

/** Has somebody prove a factor: the first method, and the others a click away. */
export function Proof({ methods, wanted, verb, takesFocus = false, onProved }: Props) {
  const [chosenId, setChosenId] = useState<string>();
  const chosen = methods.find(({ id }) => id === chosenId) ?? methods[0];
  if (!chosen) return null;
  const others = methods.filter((method) => method !== chosen);
  const Way = WAYS[chosen.format];
  return (
    <div className="proof">
      <Way
        key={chosen.id}
        method={chosen}
        wanted={wanted}
        verb={verb}
        // What was clicked to choose it is gone.
        takesFocus={takesFocus || chosen.id === chosenId}
        onProved={onProved}
      />
      {others.length > 0 && (
        <ul className="ways" aria-label="Other ways">
          {others.map(({ id, name }) => (
            <li key={id}>
              <Button look="quiet" onClick={() => setChosenId(id)}>
                Use {name} instead
              </Button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

type WayProps = Omit<Props, 'methods'> & { method: Method; takesFocus: boolean };

const WAYS = { passkey: ByPasskey, totp: ByApp, recovery: ByRecoveryCode, email: ByEmail };

function ByPasskey({ wanted, verb, takesFocus, onProved }: WayProps) {
  const { run, busy, trouble } = useAction();
  const prove = () =>
    run(async () => {
      await authenticatePasskeyMFA({
        requestedScopes: wanted.scope && [wanted.scope],
        createMfaToken: wanted.mfaToken,
      });
      await onProved();
    });
  return (
    <>
      <Button look="main" autoFocus={takesFocus} busy={busy} onClick={prove}>
        {busy ? 'Waiting for your passkey…' : `${verb} with passkey`}
      </Button>
      <TroubleNote trouble={trouble} />
    </>
  );
}

function ByApp({ method, wanted, verb, onProved }: WayProps) {
  const [code, setCode] = useState('');
  const { run, busy, trouble, clear } = useAction();
  const edit = (text: string) => {
    setCode(text);
    clear();
  };
  const prove = (event: FormEvent) => {
    event.preventDefault();
    return run(async () => {
      await authenticateTotpMfaDevice({
        code,
        deviceId: method.id,
        requestedScopes: wanted.scope && [wanted.scope],
        createMfaTokenOptions: wanted.mfaToken,
      });
      await onProved();
    });
  };
  return (
    <form className="form" onSubmit={prove}>
      <CodeField
        code={code}
        setCode={edit}
        hint={
          <>
            The six digits that <b>{method.name}</b> shows now.
          </>
        }
        trouble={trouble}
      />
      <Button type="submit" look="main" busy={busy}>
        {busy ? 'Checking…' : `${verb} with code`}
      </Button>
    </form>
  );
}

/** The same answer of the server is about a code of an app elsewhere. */
const RECOVERY_ADVICE = {
  mfa_invalid_otp_error: 'Each of your codes works once, and ends when new ones are made.',
};

function ByRecoveryCode({ wanted, verb, onProved }: WayProps) {
  const { run, busy, trouble, clear } = useAction(RECOVERY_ADVICE);
  const prove = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget).get('recovery-code')).trim();
    return run(async () => {
      await authenticateMfaRecoveryCode({
        code,
        requestedScopes: wanted.scope && [wanted.scope],
        createMfaTokenOptions: wanted.mfaToken,
      });
      await onProved();
    });
  };
  return (
    <form className="form" onSubmit={prove}>
      <Field
        label="Recovery code"
        name="recovery-code"
        className="recovery-input"
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        autoFocus
        required
        hint="One of those that you kept. It works once; small letters, blanks and hyphens do not matter."
        onChange={clear}
        trouble={trouble}
      />
      <Button type="submit" look="main" busy={busy}>
        {busy ? 'Checking…' : `${verb} with recovery code`}
      </Button>
    </form>
  );
}

/** Only where the user has no second factor, so it never makes an MFA token. */
function ByEmail({ wanted, verb, takesFocus, onProved }: WayProps) {
  const purpose = wanted.scope ?? 'proof';
  const [sent, setSent] = useState(() => waitingFor(purpose)?.verification);
  const { run, busy, trouble } = useAction();
  if (sent) {
    return (
      <EmailCode
        purpose={purpose}
        sent={sent}
        action={`${verb} with code`}
        onCode={async (otpVerification, verificationToken) => {
          await verifyOTP({
            otpVerification,
            verificationToken,
            requestedScopes: wanted.scope && [wanted.scope],
          });
          await onProved();
        }}
      />
    );
  }
  return (
    <>
      <p className="quiet">You have no second factor yet, so a code by e-mail is the proof.</p>
      <Button
        look="main"
        autoFocus={takesFocus}
        busy={busy}
        onClick={() => run(async () => setSent(await sendEmailOTP()))}
      >
        {busy ? 'Sending…' : 'Send code'}
      </Button>
      <TroubleNote trouble={trouble} />
    </>
  );
}
