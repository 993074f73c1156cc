import type { MFARegisterTotpDeviceGetResponse } from '@stile/client';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { CodeField } from './Code';
import { inGroups } from './codes';
import { Qr } from './Qr';
import { Button, CopyButton, useAction } from './ui';

type Props = {
  registration: MFARegisterTotpDeviceGetResponse;
  onCode: (code: string) => Promise<unknown>;
  onCancel: () => void;
};

/** The two steps of an enrolment: give the app its key, then show that it has it. */
export function EnrolApp({ registration: { secret, uri }, onCode, onCancel }: Props) {
  const [code, setCode] = useState('');
  const { run, busy, trouble, clear } = useAction();
  const edit = (text: string) => {
    setCode(text);
    clear();
  };
  const start = useRef<HTMLHeadingElement>(null);
  // The button that led here is gone.
  useEffect(() => start.current?.focus(), []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    return run(() => onCode(code));
  };
  return (
    <div className="enrol">
      <h3 ref={start} tabIndex={-1}>
        1. Scan this with your authenticator app
      </h3>
      <div className="enrol-key">
        <Qr text={uri} label="QR code with the key for your authenticator app" />
        <div className="enrol-by-hand">
          <p>
            Or, on this device, <a href={uri}>open the app with it</a>.
          </p>
          <p>Or type this key into the app:</p>
          {/* Groups of four, so that one does not lose one's place; blanks mean nothing to the apps. */}
          <code className="secret">{inGroups(secret)}</code>
          <p className="quiet">
            <CopyButton label="Copy the key" text={() => secret} /> Time-based, six digits, every 30 seconds.
          </p>
        </div>
      </div>
      <form className="form" onSubmit={submit}>
        <h3>2. Type the code that it shows</h3>
        <CodeField
          code={code}
          setCode={edit}
          hint="It changes every half minute; one that has just gone is taken, too."
          trouble={trouble}
          autoFocus={false}
        />
        <div className="row">
          <Button type="submit" look="main" busy={busy}>
            {busy ? 'Checking…' : 'Verify code'}
          </Button>
          <Button look="quiet" onClick={onCancel}>
            Not now
          </Button>
        </div>
      </form>
    </div>
  );
}
