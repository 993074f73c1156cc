import { type EmailOTPVerification, sendEmailOTP } from '@stile/client';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { CodeField } from './Code';
import { codeLengthOf, LONGEST } from './codes';
import { Outbox } from './Outbox';
import { Button, say, Told, TroubleNote, useAction, useNow, useTold } from './ui';
import { forgetWaiting, keepWaiting, waitingFor } from './waiting';

/** Seconds until another code may be asked for. */
const PAUSE = 30;

type Props = {
  /** What the code is for, such as `sign-in`: by that name it is found again after a reload. */
  purpose: string;
  sent: EmailOTPVerification;
  /** What the code is for: the text of the button. */
  action: string;
  onCode: (verification: EmailOTPVerification, code: string) => Promise<unknown>;
  /** Absent where the code comes from something other than `sendEmailOTP`. */
  canResend?: boolean;
};

/** The field for a code that was sent by e-mail, with the development outbox below. */
export function EmailCode({ purpose, sent, action, onCode, canResend = true }: Props) {
  const [{ verification, sentAt }, setWaiting] = useState(() => {
    const kept = waitingFor(purpose);
    const isSame = kept?.verification.verificationUUID === sent.verificationUUID;
    return isSame ? kept : { verification: sent, sentAt: Date.now() };
  });
  useEffect(() => keepWaiting(purpose, { verification, sentAt }), [purpose, verification, sentAt]);
  const [code, setCode] = useState('');
  const { run, busy, trouble, clear } = useAction();
  const resending = useAction();
  const { told, tell } = useTold();
  const form = useRef<HTMLFormElement>(null);
  const wait = Math.ceil(PAUSE - (useNow() - sentAt) / 1000);
  const { email } = verification;
  const length = codeLengthOf(verification);

  useEffect(() => say(`A code is on its way to ${email}.`), [email]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    return run(async () => {
      await onCode(verification, code);
      forgetWaiting(purpose);
    });
  };
  const resend = () =>
    resending.run(async () => {
      setWaiting({ verification: await sendEmailOTP({ email }), sentAt: Date.now() });
      edit('');
      tell(`Another code is on its way to ${email}.`);
    });
  const edit = (text: string) => {
    setCode(text);
    clear();
  };

  return (
    <>
      <form className="form" ref={form} onSubmit={submit}>
        <CodeField
          code={code}
          length={length}
          longest={LONGEST}
          setCode={edit}
          hint={
            <>
              {length} digits, sent to <b>{email}</b>. Spaces do not matter.
            </>
          }
          trouble={trouble}
        />
        <div className="row">
          <Button type="submit" look="main" busy={busy}>
            {busy ? 'Checking…' : action}
          </Button>
          {canResend && (
            <Button look="quiet" busy={wait > 0 || resending.busy} onClick={resend}>
              {wait > 0 ? `Resend code in ${wait} s` : 'Resend code'}
            </Button>
          )}
        </div>
        <Told told={told} />
        <TroubleNote trouble={resending.trouble} />
      </form>
      <Outbox
        to={email}
        since={sentAt}
        onCode={(text) => {
          edit(text);
          form.current?.querySelector('input')?.focus();
        }}
      />
    </>
  );
}
