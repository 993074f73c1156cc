import {
  acknowledgeRecoveryCodes,
  createNewMfaRecoveryCodes,
  getMfaMethods,
  getMfaRecoveryCodes,
  isPendingRecoveryCodesAcknowledgment,
  onEvent,
} from '@stile/client';
import { useEffect, useRef, useState } from 'react';
import { client, environment, useStile } from './client';
import { useGuarded } from './Guarded';
import { hasRecoveryCodes } from './StepUp';
import { Button, CopyButton, focusPanel, say, TroubleNote, useAction } from './ui';

/** The panel: codes that wait to be kept, or what is left of them. */
export function RecoveryCodes() {
  useStile();
  const [isShown, setShown] = useState(false);
  if (!hasRecoveryCodes()) return null;
  const close = () => {
    setShown(false);
    focusPanel('recovery-codes');
  };
  return (
    <section className="panel" aria-labelledby="recovery-codes">
      <h2 id="recovery-codes" tabIndex={-1}>
        Recovery codes
      </h2>
      {!isPendingRecoveryCodesAcknowledgment() ? (
        <Kept onRenewed={() => setShown(true)} />
      ) : isShown ? (
        <CodesToKeep onKept={close} />
      ) : (
        <>
          <div className="notice">
            <p>
              <strong>Not kept yet.</strong> Each of these codes stands in for your second factor, once.
              Without them, whoever loses the second factor loses the account.
            </p>
          </div>
          <Button look="main" onClick={() => setShown(true)}>
            Show codes
          </Button>
        </>
      )}
    </section>
  );
}

/** From here on, it is time for new codes. */
const FEW = 3;

function Kept({ onRenewed }: { onRenewed: () => void }) {
  const guarded = useGuarded();
  const [left, setLeft] = useState<number>();
  const { run, busy, trouble } = useAction();

  // Every proof may have been one of the codes.
  useEffect(() => {
    const look = () =>
      getMfaMethods().then(
        ({ recoveryCodesLeft }) => setLeft(recoveryCodesLeft),
        // Then it is not said how many.
        () => undefined,
      );
    void look();
    return onEvent({ event: 'mfaCompletionSuccess', listener: look });
  }, []);

  const count = left === 1 ? '1 code left.' : `${left} codes left.`;
  const renew = () =>
    run(async () => {
      const question = {
        title: 'Make new recovery codes',
        text: 'The codes that you have kept end at once. Prove your second factor first.',
        confirm: 'Make new codes',
      };
      if (!(await guarded(question, () => createNewMfaRecoveryCodes()))) return;
      onRenewed();
      say('New recovery codes made. The old ones are worth nothing now.');
    });

  return (
    <>
      {left === undefined || left > FEW ? (
        <p>
          <b>{left === undefined ? 'Kept.' : count}</b> Each stands in for your second factor, once.
        </p>
      ) : (
        <div className="notice">
          <p>
            <strong>{count}</strong> Make new ones before you need them.
          </p>
        </div>
      )}
      <Button busy={busy} onClick={renew}>
        Make new codes
      </Button>
      <TroubleNote trouble={trouble} />
    </>
  );
}

/** Shows the codes until they are kept. The server shows them only soon after a second factor was proved. */
export function CodesToKeep({ onKept }: { onKept?: () => void }) {
  const guarded = useGuarded();
  const [codes, setCodes] = useState<readonly string[]>();
  const { run, busy, trouble } = useAction();
  const list = useRef<HTMLOListElement>(null);
  // Where a button asked for them, it is gone.
  useEffect(() => {
    if (document.activeElement === document.body) list.current?.focus({ preventScroll: true });
  }, [codes]);

  const fetchCodes = () =>
    run(() =>
      guarded(
        {
          title: 'Show your recovery codes',
          text: 'They are as good as your second factor. So prove that one first.',
        },
        async () => setCodes((await getMfaRecoveryCodes()).recoveryCodes),
      ),
    );
  const keep = () =>
    run(async () => {
      await acknowledgeRecoveryCodes();
      say('Recovery codes kept.');
      onKept?.();
    });

  useEffect(() => void fetchCodes(), []);

  if (!codes) {
    return trouble || !busy ? (
      <>
        <TroubleNote trouble={trouble} />
        <Button onClick={fetchCodes}>Show codes</Button>
      </>
    ) : (
      <p className="quiet">Fetching your codes…</p>
    );
  }
  const text = textOf(codes);
  return (
    <div className="keep">
      <p className="quiet">
        Each code stands in for your second factor, once, should it be lost or broken. They are shown until
        you say that you have kept them.
      </p>
      <p className="print-only">
        Recovery codes of {client.user?.email} for the Stile demo ({environment.name}). Each works once.
      </p>
      <ol className="codes" ref={list} tabIndex={-1} aria-label="Your recovery codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <div className="row codes-ways">
        <CopyButton look="quiet" label="Copy the codes" text={() => text} />
        <a
          className="button button-quiet"
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`}
          download="stile-demo-recovery-codes.txt"
        >
          Download
        </a>
        <Button look="quiet" onClick={() => print()}>
          Print
        </Button>
      </div>
      <Button look="main" busy={busy} onClick={keep}>
        I have kept these codes
      </Button>
      <TroubleNote trouble={trouble} />
    </div>
  );
}

function textOf(codes: readonly string[]): string {
  return [
    `Recovery codes of the Stile demo (${environment.name})`,
    'Each works once.',
    '',
    ...codes,
    '',
  ].join('\n');
}
