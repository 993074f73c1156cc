import { getElevatedAccessToken, UnauthorizedError } from '@stile/client';
import { useEffect, useRef, useState } from 'react';
import { openVault, VAULT_OPEN, type VaultAnswer } from './client';
import { Door } from './Door';
import { StepUp } from './StepUp';
import { Button, Scrolled, say, TroubleNote, useAction } from './ui';
import { forgetWaiting, waitingFor } from './waiting';

export type VaultState =
  | { is: 'locked' }
  | { is: 'refused'; answer: VaultAnswer }
  /** `token` is kept only to show that it opens nothing a second time. */
  | { is: 'open'; answer: VaultAnswer; token: string | undefined; again?: VaultAnswer };

export function Vault({ vault, setVault }: { vault: VaultState; setVault: (next: VaultState) => void }) {
  const { run, busy, trouble } = useAction();
  // The button that closed it is gone, and the one that opens it takes the focus.
  const [isClosed, setClosed] = useState(false);

  // Whoever left the door while a proof was on its way does not want it open any more.
  const current = useRef(vault.is);
  current.current = vault.is;

  const open = () =>
    run(async () => {
      // Takes the token out of the client, if it holds one: the backend will spend it.
      const token = getElevatedAccessToken({ scope: VAULT_OPEN });
      const answer = await askVault(token);
      if (answer.status === 200) {
        setVault({ is: 'open', answer, token });
        say('The vault is open.');
      } else {
        setVault({ is: 'refused', answer });
        say(`The vault stays locked: ${answer.code ?? answer.status}.`);
      }
    });
  const useAgain = () =>
    run(async () => {
      if (vault.is !== 'open') return;
      const again = await askVault(vault.token);
      setVault({ ...vault, again });
      say(`Second use of the same token: ${again.code ?? again.status}.`);
    });
  const close = () => {
    setVault({ is: 'locked' });
    setClosed(true);
    forgetWaiting(VAULT_OPEN);
    say('The vault is locked again.');
  };
  // A reload comes back to the code that waits for this door.
  useEffect(() => {
    if (waitingFor(VAULT_OPEN)) void open();
  }, []);

  return (
    <section className="vault" aria-labelledby="vault">
      <h2 id="vault" className="visually-hidden">
        The vault
      </h2>
      <div className="vault-body">
        <Door isOpen={vault.is === 'open'} isRefused={vault.is === 'refused'}>
          {vault.is === 'open' && <Contents contents={vault.answer.contents ?? []} />}
        </Door>

        {vault.is === 'locked' && (
          <div className="vault-actions">
            <p>
              Three things are in it. The app’s backend hands them out, and it asks Stile whether you may.
            </p>
            <Button look="main" autoFocus={isClosed} busy={busy} onClick={open}>
              {busy ? 'Asking the vault…' : 'Open the vault'}
            </Button>
            <TroubleNote trouble={trouble} />
          </div>
        )}

        {vault.is === 'refused' && (
          <div className="vault-actions">
            <Answer answer={vault.answer} />
            <p>
              You are signed in, and that is not enough. For <code>{vault.answer.scope ?? VAULT_OPEN}</code>{' '}
              the server wants you to prove, now, that it is still you.
            </p>
            <StepUp scope={VAULT_OPEN} onProved={() => current.current === 'refused' && open()} />
            <TroubleNote trouble={trouble} />
            <Button look="quiet" onClick={close}>
              Leave it locked
            </Button>
          </div>
        )}

        {vault.is === 'open' && (
          <div className="vault-actions">
            {vault.again ? (
              <>
                <Answer answer={vault.again} />
                <p>The elevated token worked once and is spent. A copy of it opens nothing.</p>
              </>
            ) : (
              <Spent spent={vault.answer.spent} />
            )}
            <div className="row">
              {!vault.again && (
                <Button busy={busy} onClick={useAgain}>
                  Use the same token again
                </Button>
              )}
              <Button look={vault.again ? 'plain' : 'quiet'} onClick={close}>
                Close the vault
              </Button>
            </div>
            <TroubleNote trouble={trouble} />
          </div>
        )}
      </div>
    </section>
  );
}

/** As `openVault`, with the end of the session as an error, as the SDK has it: `useAction` knows what to do. */
async function askVault(token: string | undefined): Promise<VaultAnswer> {
  const answer = await openVault(token);
  if (answer.status === 401) throw new UnauthorizedError(answer);
  return answer;
}

/** A refusal, in the words of the server. */
function Answer({ answer }: { answer: VaultAnswer }) {
  const group = useRef<HTMLFieldSetElement>(null);
  // The button that had the focus is gone.
  useEffect(() => group.current?.focus({ preventScroll: true }), []);
  return (
    <fieldset className="answer" ref={group} tabIndex={-1} aria-label="Answer of the vault">
      <span className="answer-status">{answer.status}</span>
      <span>
        <code>{answer.code ?? 'no code'}</code>
        <br />
        {answer.error ?? 'The answer carries no text.'}
      </span>
    </fieldset>
  );
}

function Contents({ contents }: { contents: NonNullable<VaultAnswer['contents']> }) {
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.focus({ preventScroll: true }), []);
  return (
    <section className="contents" ref={section} tabIndex={-1} aria-label="In the vault">
      <dl>
        {contents.map(({ label, value }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** What the app's backend learned when it spent the token. */
function Spent({ spent = {} }: { spent: VaultAnswer['spent'] }) {
  const [isOpen, setOpen] = useState(false);
  const how = Array.isArray(spent.amr) ? spent.amr.join(', ') : undefined;
  return (
    <div className="spent">
      <p>
        The backend had Stile spend your elevated token, then opened the door.
        {how && (
          <>
            {' '}
            Proved by <code>{how}</code>.
          </>
        )}{' '}
        <button type="button" className="link" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Hide what it was told' : 'See what it was told'}
        </button>
      </p>
      {isOpen && (
        <Scrolled as="pre" label="What the backend was told">
          {JSON.stringify(spent, null, 2)}
        </Scrolled>
      )}
    </div>
  );
}
