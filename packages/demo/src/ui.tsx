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
import { onAnswer } from './log';

// ---- The latest result, for screen readers ----

let saying = { text: '', at: 0 };
const hearers = new Set<() => void>();

/** Has screen readers read out a result that the page shows, too. */
export function say(text: string): void {
  saying = { text, at: saying.at + 1 };
  for (const hearer of hearers) hearer();
}

function hear(hearer: () => void): () => void {
  hearers.add(hearer);
  return () => void hearers.delete(hearer);
}

export function StatusLine() {
  const { text, at } = useSyncExternalStore(hear, () => saying);
  return (
    <p className="visually-hidden" role="status">
      {text && <span key={at}>{text}</span>}
    </p>
  );
}

let end: string | undefined;

/** Tells why the session is over: the screen for signing in shows it. */
export function sayEnd(text: string | undefined): void {
  end = text;
  say(text ?? '');
}

/** For the next sign-in: what was told about the session before is over. */
export function forgetEnd(): void {
  if (end === undefined) return;
  end = undefined;
  for (const hearer of hearers) hearer();
}

/** What {@link sayEnd} told last. */
export function useEnd(): string | undefined {
  return useSyncExternalStore(hear, () => end);
}

/** Puts the focus on the heading of a panel, where the control that had it is gone. */
export function focusPanel(id: string): void {
  document.getElementById(id)?.focus({ preventScroll: true });
}

/** Puts the focus where the screen begins. */
export function focusHeading(): void {
  document.querySelector('h1')?.focus({ preventScroll: true });
}

/** How long a result is shown that the panel does not show by itself, in milliseconds. */
const SHOWN_MS = 8_000;

/** A result that the panel does not show by itself: it is read out, and shown for a while where `Told` stands. */
export function useTold() {
  const [told, setTold] = useState<string>();
  useEffect(() => {
    if (!told) return;
    const timer = setTimeout(() => setTold(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [told]);
  const tell = (text: string) => {
    say(text);
    setTold(text);
  };
  return { told, tell };
}

/** The status line reads it out already. */
export function Told({ told }: { told: string | undefined }) {
  return (
    told && (
      <p className="told" aria-hidden="true">
        {told}
      </p>
    )
  );
}

// ---- Actions ----

/** The longest time of a timer, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Something that takes a moment and may fail: one at a time, its error kept for `TroubleNote`. `advice` is for codes
 * that ask for something else here than elsewhere.
 */
export function useAction(advice?: Record<string, string>) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const running = useRef(false);

  // An error goes when its cause has gone: the wait is over, or the server answers again.
  useEffect(() => {
    if (!trouble) return;
    const clear = () => setTrouble(undefined);
    if (trouble.code === 'network_error') return onAnswer(clear);
    if (!trouble.retryAfter) return;
    const timer = setTimeout(clear, Math.min(trouble.retryAfter * 1000, LONGEST_TIMER));
    return () => clearTimeout(timer);
  }, [trouble]);

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
        sayEnd('Your session has ended. Sign in again to go on.');
      } else setTrouble(explain(error, advice));
    } finally {
      running.current = false;
      setBusy(false);
    }
  }

  return { run, busy, trouble, clear: () => setTrouble(undefined) };
}

export function TroubleNote({ trouble, id }: { trouble: Trouble | undefined; id?: string }) {
  if (!trouble) return null;
  const { text, todo, code, status } = trouble;
  return (
    <div className="trouble" role="alert" id={id}>
      <p>
        <strong>{/[.!?…]$/.test(text) ? text : `${text}.`}</strong> {todo}
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
  const control = useRef<HTMLInputElement>(null);
  // What was typed is wrong: it is typed anew over the old text.
  useEffect(() => {
    if (!trouble) return;
    control.current?.focus();
    control.current?.select();
  }, [trouble]);
  const describedBy = [hint && `${id}-hint`, trouble && `${id}-trouble`].filter(Boolean).join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        {...input}
        ref={control}
        id={id}
        aria-invalid={trouble ? true : undefined}
        aria-describedby={describedBy || undefined}
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
      () => answer('Copied'),
      () => answer('Not allowed'),
    );
  const answer = (how: string) => {
    say(`${how}.`);
    setSaid(how);
  };
  return (
    <button
      type="button"
      className={look === 'small' ? 'copy' : 'button button-quiet'}
      // Its name has the text that is seen (WCAG 2.5.3).
      aria-label={said ? undefined : label}
      onClick={copy}
    >
      {said ?? 'Copy'}
    </button>
  );
}

/** Text that may be longer than its box. The keyboard reaches it, to scroll it (WCAG 2.1.1). */
export function Scrolled({ as: Box = 'div', label, ...rest }: ScrolledProps) {
  return <Box {...rest} role="group" aria-label={label} tabIndex={0} />;
}

type ScrolledProps = { as?: 'div' | 'pre'; label: string; className?: string; children: ReactNode };

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
