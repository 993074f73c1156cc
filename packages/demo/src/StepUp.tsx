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
import { client } from './client';
import { EmailCode } from './EmailCode';
import { needsStepUp } from './errors';
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
  // Nothing is named when the client holds a token (that the server took no more), or could not ask.
  const named = check.credentials.length > 0 ? check.credentials : (client.user?.verifiedCredentials ?? []);
  const formats = new Set(named.map(({ format }) => format));
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
  /** The operation of the API document that is asked about, where the scope guards several. */
  operation?: string;
};

/** Does what the server guards, with a step-up before it where one is needed. Answers `false` when it is cancelled. */
type Guarded = (question: Question, action: () => Promise<unknown>) => Promise<boolean>;

const GuardedContext = createContext<Guarded>(async () => false);
export const useGuarded = (): Guarded => useContext(GuardedContext);

type Open = Question & { required: boolean; settle: (goOn: boolean) => void };

export function StepUpProvider({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState<Open>();

  const ask = (question: Question, required: boolean) =>
    new Promise<boolean>((resolve) => {
      const settle = (goOn: boolean) => {
        setOpen(undefined);
        resolve(goOn);
      };
      setOpen({ ...question, required, settle });
    });

  const guarded: Guarded = async (question, action) => {
    const { scope, confirm, operation } = question;
    const { isRequired: required } = await checkStepUpAuth({ scope, ...(operation && { operation }) });
    if ((required || confirm) && !(await ask(question, required))) return false;
    try {
      await action();
    } catch (error) {
      // A held token may be dead on the server: it dies with the passkey that it was proved with.
      if (!needsStepUp(error)) throw error;
      if (!(await ask(question, true))) return false;
      await action();
    }
    return true;
  };

  return (
    <GuardedContext value={guarded}>
      {children}
      {open && <StepUpDialog {...open} />}
    </GuardedContext>
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
