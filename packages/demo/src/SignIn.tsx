import {
  type EmailOTPVerification,
  isUserMissingMfaAuth,
  sendEmailOTP,
  signInWithPasskey,
  verifyOTP,
} from '@stile/client';
import { type FormEvent, useEffect, useState } from 'react';
import { EmailCode } from './EmailCode';
import { isAbort } from './errors';
import { Button, Field, say, TroubleNote, useAction } from './ui';
import { forgetWaiting, waitingFor } from './waiting';

/** Somebody who still owes a second factor is not signed in yet. */
function welcome({ email }: { email?: string | null }) {
  say(isUserMissingMfaAuth() ? 'Your second factor comes next.' : `Signed in as ${email ?? 'you'}.`);
}

type Props = {
  /** Whether the autofill of the e-mail field offers passkeys. */
  offerPasskeys: boolean;
};

export function SignIn({ offerPasskeys }: Props) {
  // A reload comes back to the code that waits.
  const [sent, setSent] = useState(() => waitingFor('sign-in')?.verification);
  const [isBack, setBack] = useState(false);
  const goBack = () => {
    forgetWaiting('sign-in');
    setSent(undefined);
    setBack(true);
  };
  return (
    <section className="panel" aria-labelledby="sign-in">
      <h2 id="sign-in">Sign in</h2>
      {sent ? (
        <>
          <EmailCode
            purpose="sign-in"
            sent={sent}
            action="Sign in"
            onCode={async (otpVerification, verificationToken) => {
              const { user } = await verifyOTP({ otpVerification, verificationToken });
              welcome(user);
            }}
          />
          <Button look="quiet" onClick={goBack}>
            Use another address
          </Button>
        </>
      ) : (
        <Address onSent={setSent} offerPasskeys={offerPasskeys} autoFocus={isBack} />
      )}
    </section>
  );
}

type AddressProps = Props & { onSent: (sent: EmailOTPVerification) => void; autoFocus: boolean };

function Address({ onSent, offerPasskeys, autoFocus }: AddressProps) {
  const [email, setEmail] = useState('');
  const { run, busy, trouble, clear } = useAction();
  const passkey = useAction();
  // A dialog ends the offer, so it is made anew after each.
  const [dialogs, setDialogs] = useState(0);
  const canUsePasskeys = 'PublicKeyCredential' in window;

  // The browser offers passkeys in the autofill of the e-mail field, for as long as the field is there.
  useEffect(() => {
    if (!offerPasskeys) return;
    const stop = new AbortController();
    signInWithPasskey({ mediation: 'conditional', signal: stop.signal }).then(
      ({ user }) => welcome(user),
      (error) => {
        // Without autofill the button remains; a refusal is worth telling.
        if (!isAbort(error) && error.status) passkey.run(() => Promise.reject(error));
      },
    );
    return () => stop.abort();
  }, [offerPasskeys, dialogs]);

  const send = (event: FormEvent) => {
    event.preventDefault();
    return run(async () => onSent(await sendEmailOTP({ email: email.trim() })));
  };
  const usePasskey = () =>
    passkey
      .run(async () => {
        const { user } = await signInWithPasskey();
        welcome(user);
      })
      .finally(() => setDialogs((n) => n + 1));

  return (
    <>
      <form className="form" onSubmit={send}>
        <Field
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username webauthn"
          placeholder="you@example.com"
          autoFocus={autoFocus}
          required
          hint="Any address will do: this server only pretends to send mail."
          value={email}
          onChange={(event) => {
            setEmail(event.target.value);
            clear();
            passkey.clear();
          }}
          trouble={trouble}
        />
        <Button type="submit" look="main" busy={busy}>
          {busy ? 'Sending…' : 'Send code'}
        </Button>
      </form>
      <p className="or">or</p>
      {canUsePasskeys ? (
        <Button busy={passkey.busy} onClick={usePasskey}>
          {passkey.busy ? 'Waiting for your passkey…' : 'Use a passkey'}
        </Button>
      ) : (
        <p className="quiet">This browser has no passkeys. An e-mail code works all the same.</p>
      )}
      <TroubleNote trouble={passkey.trouble} />
    </>
  );
}
