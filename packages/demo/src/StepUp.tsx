import {
  authenticatePasskeyMFA,
  checkStepUpAuth,
  type EmailOTPVerification,
  type Scope,
  type StepUpCheckResponse,
  sendEmailOTP,
  verifyOTP,
} from '@stile/client';
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from 'react';
import { EmailCode } from './EmailCode';
import { Button, say, TroubleNote, useAction } from './ui';

/** Asks for the proof that the scope needs. Afterwards the client holds an elevated token for it. */
export function StepUp({ scope, onProved }: { scope: Scope; onProved: () => unknown }) {
  const [check, setCheck] = useState<StepUpCheckResponse>();
  const [sent, setSent] = useState<EmailOTPVerification>();
  const { run, busy, trouble } = useAction();

  const look = () => run(async () => setCheck(await checkStepUpAuth({ scope })));
  useEffect(() => void look(), [scope]);

  const proved = async () => {
    say(`Stepped up for ${scope}.`);
    await onProved();
  };
  const provePasskey = () =>
    run(async () => {
      await authenticatePasskeyMFA({ requestedScopes: [scope] });
      await proved();
    });

  if (!check) return <p className="quiet">Asking what you can prove…</p>;
  const formats = new Set(check.credentials.map(({ format }) => format));
  if (formats.has('passkey')) {
    return (
      <>
        <Button look="main" busy={busy} onClick={provePasskey}>
          {busy ? 'Waiting for your passkey…' : 'Step up with passkey'}
        </Button>
        <TroubleNote trouble={trouble} />
      </>
    );
  }
  if (sent) {
    return (
      <EmailCode
        sent={sent}
        action="Step up with code"
        onCode={async (otpVerification, verificationToken) => {
          await verifyOTP({ otpVerification, verificationToken, requestedScopes: [scope] });
          await proved();
        }}
      />
    );
  }
  if (formats.has('email')) {
    return (
      <>
        <p className="quiet">You have no passkey yet, so a code by e-mail is the proof.</p>
        <Button look="main" busy={busy} onClick={() => run(async () => setSent(await sendEmailOTP()))}>
          Send code
        </Button>
        <TroubleNote trouble={trouble} />
      </>
    );
  }
  return (
    <>
      <TroubleNote
        trouble={{ text: 'The server named nothing that you could prove.', todo: 'It may be out of reach.' }}
      />
      <Button busy={busy} onClick={look}>
        Ask again
      </Button>
    </>
  );
}

// ---- Guarded actions ----

/** What the dialog says. */
type Question = {
  scope: Scope;
  title: string;
  text: ReactNode;
  /** Text of the button for what cannot be undone: then it is asked even if a held token answers already. */
  confirm?: string;
};

/** Settles with whether the action may go on: proved (or needless), and not cancelled. */
type Ask = (question: Question) => Promise<boolean>;

const AskContext = createContext<Ask>(async () => false);

/** For actions that the server guards: `if (await ask({ scope, … })) await action()`. */
export const useStepUp = (): Ask => useContext(AskContext);

type Open = Question & { required: boolean; settle: (goOn: boolean) => void };

export function StepUpProvider({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState<Open>();
  const ask: Ask = async (question) => {
    const { isRequired: required } = await checkStepUpAuth({ scope: question.scope });
    if (!required && !question.confirm) return true;
    return new Promise((resolve) => {
      const settle = (goOn: boolean) => {
        setOpen(undefined);
        resolve(goOn);
      };
      setOpen({ ...question, required, settle });
    });
  };
  return (
    <AskContext value={ask}>
      {children}
      {open && <StepUpDialog {...open} />}
    </AskContext>
  );
}

function StepUpDialog({ scope, title, text, confirm, required, settle }: Open) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => (before as HTMLElement | null)?.focus();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="step-up-title" onClose={() => settle(false)}>
      <h2 id="step-up-title">{title}</h2>
      <p>{text}</p>
      <p className="scope-line">
        Scope <code>{scope}</code>
        {required ? ' needs a fresh proof.' : ': proved a moment ago.'}
      </p>
      {required ? (
        <StepUp scope={scope} onProved={() => settle(true)} />
      ) : (
        <Button look="danger" onClick={() => settle(true)}>
          {confirm}
        </Button>
      )}
      <Button look="quiet" onClick={() => settle(false)}>
        Cancel
      </Button>
    </dialog>
  );
}
