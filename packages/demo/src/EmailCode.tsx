import { type EmailOTPVerification, sendEmailOTP } from '@stile/client';
import { type FormEvent, useEffect, useState } from 'react';
import { CodeField } from './Code';
import { Outbox } from './Outbox';
import { Button, say, useAction, useNow } from './ui';

/** Seconds until another code may be asked for. */
const PAUSE = 30;

type Props = {
  sent: EmailOTPVerification;
  /** What the code is for: the text of the button. */
  action: string;
  onCode: (verification: EmailOTPVerification, code: string) => Promise<unknown>;
  /** Absent where the code comes from something other than `sendEmailOTP`. */
  canResend?: boolean;
};

/** The field for a code that was sent by e-mail, with the development outbox below. */
export function EmailCode({ sent, action, onCode, canResend = true }: Props) {
  const [verification, setVerification] = useState(sent);
  const [sentAt, setSentAt] = useState(Date.now);
  const [code, setCode] = useState('');
  const { run, busy, trouble } = useAction();
  const resending = useAction();
  const wait = Math.ceil(PAUSE - (useNow() - sentAt) / 1000);
  const { email } = verification;

  useEffect(() => say(`A code is on its way to ${email}.`), [email]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    return run(() => onCode(verification, code));
  };
  const resend = () =>
    resending.run(async () => {
      setVerification(await sendEmailOTP({ email }));
      setSentAt(Date.now());
      setCode('');
      say(`Another code is on its way to ${email}.`);
    });

  return (
    <>
      <form className="form" onSubmit={submit}>
        <CodeField
          code={code}
          setCode={setCode}
          hint={
            <>
              Sent to <b>{email}</b>. Spaces do not matter.
            </>
          }
          trouble={trouble ?? resending.trouble}
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
      </form>
      <Outbox to={email} since={sentAt} onCode={setCode} />
    </>
  );
}
