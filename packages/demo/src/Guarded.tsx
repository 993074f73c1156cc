import { checkStepUpAuth, consumeMfaToken, onEvent, type Scope } from '@stile/client';
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from 'react';
import { client, environment } from './client';
import { needsFactor, needsStepUp } from './errors';
import { StepUp } from './StepUp';
import { Button } from './ui';

/** What the dialog says. */
type Question = {
  /** What guards the action. Without it, the server wants a second factor that was proved a moment ago. */
  scope?: Scope;
  title: string;
  text: ReactNode;
  /** Text of the button for what cannot be undone: then it is asked even if a held token answers already. */
  confirm?: string;
  /** Whether that button is asked for after a proof, too. */
  isFinal?: boolean;
  /** What the action may take along, if anything. Asked again after a proof; an answer makes the action final. */
  warning?: () => string | undefined;
  /** The operation of the API document that is asked about, where the scope guards several. */
  operation?: string;
  /** Whether the call carries a legacy MFA token, where the environment still takes one. */
  takesMfaToken?: boolean;
};

/** Does what the server guards, with a step-up before it where one is needed. Answers `false` when it is cancelled. */
type Guarded = (question: Question, action: () => Promise<unknown>) => Promise<boolean>;

const GuardedContext = createContext<Guarded>(async () => false);
export const useGuarded = (): Guarded => useContext(GuardedContext);

type Open = Question & { required: boolean; byMfaToken: boolean; settle: (goOn: boolean) => void };

export function GuardedProvider({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState<Open>();

  // Another tab may sign out, or the session may end: then nobody is there to be asked.
  useEffect(() => {
    if (!open) return;
    const asked = client.user?.id;
    return onEvent({
      event: 'userChanged',
      listener: ({ user }) => {
        if (user?.id !== asked) open.settle(false);
      },
    });
  }, [open]);

  const ask = (question: Question, required: boolean) =>
    new Promise<boolean>((resolve) => {
      const settle = (goOn: boolean) => {
        setOpen(undefined);
        resolve(goOn);
      };
      setOpen({ ...question, required, byMfaToken: usesMfaToken(question), settle });
    });

  const guarded: Guarded = async (question, action) => {
    const required = await isRequired(question);
    if ((required || question.confirm) && !(await ask(question, required))) return false;
    try {
      await action();
    } catch (error) {
      // A held token may be dead on the server: it dies with the factor that it was proved with.
      if (!needsStepUp(error) && !needsFactor(error)) throw error;
      if (!(await ask(question, true))) return false;
      await action();
    } finally {
      // A single-use token is spent by now, and the client cannot know.
      if (usesMfaToken(question) && client.mfaToken) consumeMfaToken();
    }
    return true;
  };

  return (
    <GuardedContext value={guarded}>
      {children}
      {open && <Dialog {...open} />}
    </GuardedContext>
  );
}

const usesMfaToken = ({ takesMfaToken = false }: Question) => takesMfaToken && environment.takesMfaTokens;

async function isRequired(question: Question): Promise<boolean> {
  const { scope, operation } = question;
  if (!scope || (usesMfaToken(question) && client.mfaToken)) return false;
  return (await checkStepUpAuth({ scope, ...(operation && { operation }) })).isRequired;
}

function Dialog({ scope, title, text, confirm, isFinal, warning, required, byMfaToken, settle }: Open) {
  const [isProved, setProved] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const asksProof = required && !isProved;
  const warned = warning?.();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => (before as HTMLElement | null)?.focus();
  }, []);
  // Enter must not do what cannot be undone, so the focus does not begin on its button.
  useEffect(() => {
    if (!asksProof) heading.current?.focus();
  }, [asksProof]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="step-up-title"
      aria-describedby="step-up-text"
      onClose={() => settle(false)}
    >
      <h2 id="step-up-title" ref={heading} tabIndex={-1}>
        {title}
      </h2>
      <div id="step-up-text">
        <p>{text}</p>
        {warned && <p className="warned">{warned}</p>}
      </div>
      {scope && (
        <p className="scope-line">
          Scope <code>{scope}</code>
          {asksProof ? ' needs a fresh proof.' : ': proved a moment ago.'}
        </p>
      )}
      {asksProof ? (
        <StepUp
          scope={scope}
          byMfaToken={byMfaToken}
          takesFocus
          // The proof is for the question; what cannot be undone is still confirmed by its own button.
          onProved={() => (isFinal || warning?.() ? setProved(true) : settle(true))}
        />
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
