import {
  deletePasskey,
  registerPasskey,
  renamePasskey,
  setDefaultMfaDevice,
  TokenScope,
  type UserPasskey,
} from '@stile/client';
import { useState } from 'react';
import { useGuarded } from './Guarded';
import { Rename } from './Rename';
import { Button, dayAndTime, focusPanel, say, TroubleNote, useAction } from './ui';

type Props = {
  passkeys: UserPasskey[] | undefined;
  /** `app`: passkeys could take its place; `passkey`: they have it; absent: there is no choice. */
  first: 'app' | 'passkey' | undefined;
  /** Something about the factors has changed. */
  onChange: (what: string) => Promise<void>;
};

export function Passkeys({ passkeys, first, onChange }: Props) {
  const guarded = useGuarded();
  const { run, busy, trouble } = useAction();
  const isFirst = passkeys?.length === 0;

  const question = {
    scope: TokenScope.Credentiallink,
    title: isFirst ? 'Enrol a passkey' : 'Enrol another passkey',
    // Right after a sign-in the first passkey needs no further proof: the server takes that one.
    operation: 'registerPasskey',
    text: 'Whoever adds a passkey can act in your name with it. So prove first that it is you.',
  };
  const enrol = () =>
    run(async () => {
      if (await guarded(question, () => registerPasskey())) await onChange('Passkey enrolled.');
    });

  return (
    <section className="panel" aria-labelledby="passkeys">
      <h2 id="passkeys" tabIndex={-1}>
        Passkeys
      </h2>
      {passkeys === undefined ? (
        <p className="quiet">Fetching your passkeys…</p>
      ) : isFirst ? (
        <p>
          None yet. With a passkey, a proof is a fingerprint, a face or a PIN; without any second factor, it
          is a code by e-mail each time.
        </p>
      ) : (
        <ul className="factors" aria-label="Your passkeys">
          {passkeys.map((passkey) => (
            <Passkey key={passkey.id} passkey={passkey} first={first} onChange={onChange} />
          ))}
        </ul>
      )}
      {'PublicKeyCredential' in window ? (
        <Button look={isFirst ? 'main' : 'plain'} busy={busy} onClick={enrol}>
          {busy ? 'Waiting for your device…' : isFirst ? 'Enrol a passkey' : 'Enrol another passkey'}
        </Button>
      ) : (
        <p className="quiet">
          This browser has no passkeys, or the page is not at a name that may have them: open it at{' '}
          <b>http://localhost</b> in a current browser. The vault opens with an e-mail code all the same.
        </p>
      )}
      <TroubleNote trouble={trouble} />
    </section>
  );
}

function Passkey({ passkey, first, onChange }: Omit<Props, 'passkeys'> & { passkey: UserPasskey }) {
  const guarded = useGuarded();
  const [isRenaming, setRenaming] = useState(false);
  const { run, busy, trouble } = useAction();
  const name = passkey.alias || passkey.storage?.name || 'Passkey';

  const remove = () =>
    run(async () => {
      const question = {
        scope: TokenScope.Credentialunlink,
        title: `Remove “${name}”`,
        text: 'It will open nothing any more. Your browser is told to forget it.',
        confirm: 'Remove passkey',
        takesMfaToken: true,
      };
      if (!(await guarded(question, () => deletePasskey({ passkeyId: passkey.id })))) return;
      await onChange(`Passkey “${name}” removed.`);
      focusPanel('passkeys');
    });
  const makeDefault = () =>
    run(async () => {
      await setDefaultMfaDevice({ deviceId: passkey.id });
      await onChange('');
      focusPanel('passkeys');
      say(`“${name}” is offered first now.`);
    });
  const keep = () => {
    setRenaming(false);
    focusPanel('passkeys');
  };
  const rename = async (alias: string) => {
    await renamePasskey({ passkeyId: passkey.id, alias });
    await onChange('');
    keep();
    say(`Passkey renamed to “${alias}”.`);
  };

  return (
    <li>
      {isRenaming ? (
        <Rename label="Name of the passkey" name={name} onName={rename} onKeep={keep} />
      ) : (
        <div className="factor">
          <div>
            <b>{name}</b> {first === 'passkey' && <span className="tag">Default</span>}
            <p className="quiet">Enrolled {dayAndTime(passkey.createdAt)}</p>
          </div>
          {first === 'app' && (
            <Button look="quiet" aria-label={`Make ${name} the default`} busy={busy} onClick={makeDefault}>
              Make default
            </Button>
          )}
          <Button look="quiet" aria-label={`Rename ${name}`} onClick={() => setRenaming(true)}>
            Rename
          </Button>
          <Button look="quiet" aria-label={`Remove ${name}`} busy={busy} onClick={remove}>
            Remove
          </Button>
        </div>
      )}
      <TroubleNote trouble={trouble} />
    </li>
  );
}
