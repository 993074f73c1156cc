import { logout } from '@stile/client';
import {
  type ButtonHTMLAttributes,
  type InputHTMLAttributes,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { explain, isAbort, isSessionOver, type Trouble } from './errors';

// ---- The latest result, read out by screen readers ----

let saying = { text: '', at: 0 };
const hearers = new Set<() => void>();

/** Tells the latest result in the status line. */
export function say(text: string): void {
  saying = { text, at: saying.at + 1 };
  for (const hearer of hearers) hearer();
}

export function StatusLine() {
  const { text, at } = useSyncExternalStore(
    (hearer) => {
      hearers.add(hearer);
      return () => void hearers.delete(hearer);
    },
    () => saying,
  );
  return (
    <p className="status" role="status">
      {text && <span key={at}>{text}</span>}
    </p>
  );
}

/** Puts the focus on the heading of a panel, where the control that had it is gone. */
export function focusPanel(id: string): void {
  document.getElementById(id)?.focus({ preventScroll: true });
}

/** Puts the focus where the screen begins. */
export function focusHeading(): void {
  document.querySelector('h1')?.focus({ preventScroll: true });
}

// ---- Actions ----

/** Something that takes a moment and may fail: one at a time, its error kept for `TroubleNote`. */
export function useAction() {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const running = useRef(false);

  async function run(action: () => Promise<unknown>): Promise<void> {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setTrouble(undefined);
    try {
      await action();
    } catch (error) {
      if (isAbort(error)) return;
      if (isSessionOver(error)) {
        await logout();
        say('Your session has ended. Sign in again to go on.');
      } else setTrouble(explain(error));
    } finally {
      running.current = false;
      setBusy(false);
    }
  }

  return { run, busy, trouble, setTrouble };
}

export function TroubleNote({ trouble, id }: { trouble: Trouble | undefined; id?: string }) {
  if (!trouble) return null;
  const { text, todo, code, status } = trouble;
  return (
    <div className="trouble" role="alert" id={id}>
      <p>
        <strong>{text}</strong> {todo}
      </p>
      {code && (
        <p className="trouble-code">
          {status} <code>{code}</code>
        </p>
      )}
    </div>
  );
}

// ---- Controls ----

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  busy?: boolean;
  look?: 'main' | 'plain' | 'quiet' | 'danger';
};

/** A busy button keeps the focus, so it is not `disabled`. */
export function Button({ busy = false, look = 'plain', type = 'button', onClick, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      className={`button button-${look}`}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    />
  );
}

type FieldProps = InputHTMLAttributes<HTMLInputElement> & {
  label: string;
  hint?: ReactNode;
  trouble?: Trouble | undefined;
};

export function Field({ label, hint, trouble, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        {...input}
        id={id}
        aria-invalid={trouble ? true : undefined}
        aria-describedby={`${id}-hint ${id}-trouble`}
      />
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <TroubleNote trouble={trouble} id={`${id}-trouble`} />
    </div>
  );
}

type CopyProps = { text: () => string; label: string; look?: 'small' | 'quiet' };

export function CopyButton({ text, label, look = 'small' }: CopyProps) {
  const [said, setSaid] = useState<string>();
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(undefined), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () =>
    navigator.clipboard.writeText(text()).then(
      () => setSaid('Copied'),
      () => setSaid('Not allowed'),
    );
  return (
    <button
      type="button"
      className={look === 'small' ? 'copy' : 'button button-quiet'}
      aria-label={label}
      onClick={copy}
    >
      <span aria-live="polite">{said ?? 'Copy'}</span>
    </button>
  );
}

/** Day and time where the reader is. */
export function dayAndTime(at: Date): string {
  return at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** The time, drawn anew every second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
