import {
  deletePasskey,
  refreshUser,
  registerPasskey,
  renamePasskey,
  TokenScope,
  type UserPasskey,
} from '@stile/client';
import { type FormEvent, useState } from 'react';
import { useGuarded } from './StepUp';
import { Button, Field, say, TroubleNote, useAction } from './ui';

type Props = { passkeys: UserPasskey[] | undefined; reload: () => Promise<void> };

export function Passkeys({ passkeys, reload }: Props) {
  const guarded = useGuarded();
  const { run, busy, trouble } = useAction();
  const isFirst = passkeys?.length === 0;

  const question = {
    scope: TokenScope.Credentiallink,
    title: isFirst ? 'Enrol a passkey' : 'Enrol another passkey',
    // Right after a sign-in the first passkey needs no further proof: the server takes that one.
    operation: 'registerPasskey',
    text: 'Whoever adds a passkey can open your vault with it. So prove first that it is you.',
  };
  const enrol = () =>
    run(async () => {
      if (!(await guarded(question, () => registerPasskey()))) return;
      await reload();
      say('Passkey enrolled.');
    });

  return (
    <section className="panel" aria-labelledby="passkeys">
      <h2 id="passkeys">Passkeys</h2>
      {passkeys === undefined ? (
        <p className="quiet">Fetching your passkeys…</p>
      ) : isFirst ? (
        <p>
          None yet. With a passkey, opening the vault takes a fingerprint, a face or a PIN; without one, a
          code by e-mail each time.
        </p>
      ) : (
        <ul className="passkeys" aria-label="Your passkeys">
          {passkeys.map((passkey) => (
            <Passkey key={passkey.id} passkey={passkey} reload={reload} />
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

function Passkey({ passkey, reload }: { passkey: UserPasskey; reload: () => Promise<void> }) {
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
      };
      if (!(await guarded(question, () => deletePasskey({ passkeyId: passkey.id })))) return;
      // The user's credentials are fewer now.
      await Promise.all([reload(), refreshUser()]);
      say(`Passkey “${name}” removed.`);
    });
  const rename = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const alias = String(new FormData(event.currentTarget).get('alias')).trim();
    return run(async () => {
      await renamePasskey({ passkeyId: passkey.id, alias });
      await reload();
      setRenaming(false);
      say(`Passkey renamed to “${alias}”.`);
    });
  };

  return (
    <li>
      {isRenaming ? (
        <form className="form form-row" onSubmit={rename}>
          <Field
            label="Name of the passkey"
            name="alias"
            defaultValue={name}
            maxLength={60}
            autoFocus
            required
          />
          <Button type="submit" busy={busy}>
            Save
          </Button>
          <Button look="quiet" onClick={() => setRenaming(false)}>
            Keep
          </Button>
        </form>
      ) : (
        <div className="passkey">
          <div>
            <b>{name}</b>
            <p className="quiet">
              Enrolled{' '}
              {passkey.createdAt.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}
            </p>
          </div>
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
