import { deletePasskey, registerPasskey, renamePasskey, TokenScope, type UserPasskey } from '@stile/client';
import { useEffect } from 'react';
import { refreshAfterRemoval } from './client';
import { Factor } from './Factor';
import { useGuarded } from './Guarded';
import { Button, dayAndTime, TroubleNote, useAction } from './ui';

type Props = {
  passkeys: UserPasskey[] | undefined;
  /** `app`: passkeys could take its place; `passkey`: they have it; absent: there is no choice. */
  first: 'app' | 'passkey' | undefined;
  /** Something about the factors has changed. */
  onChange: (what: string) => Promise<void>;
};

export function Passkeys({ passkeys, first, onChange }: Props) {
  const guarded = useGuarded();
  const { run, busy, trouble, clear } = useAction();
  // What was refused for the sake of a passkey may be possible once the list is another.
  useEffect(clear, [passkeys]);
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
        <p>None yet. With a passkey, a proof is a fingerprint, a face or a PIN, and no code to be typed.</p>
      ) : (
        <ul className="factors" aria-label="Your passkeys">
          {passkeys.map((passkey) => (
            <Passkey key={passkey.id} passkey={passkey} first={first} onChange={onChange} />
          ))}
        </ul>
      )}
      {passkeys === undefined ? null : 'PublicKeyCredential' in window ? (
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
  const name = passkey.alias || passkey.storage?.name || 'Passkey';
  return (
    <Factor
      id={passkey.id}
      name={name}
      since={`Enrolled ${dayAndTime(passkey.createdAt)}`}
      isDefault={first && first === 'passkey'}
      panel="passkeys"
      kind="passkey"
      removal="It will open nothing any more. Your browser is told to forget it."
      removed={`Passkey “${name}” removed.`}
      onRemove={() => deletePasskey({ passkeyId: passkey.id }).then(refreshAfterRemoval)}
      onRename={(alias) => renamePasskey({ passkeyId: passkey.id, alias })}
      onChange={onChange}
    />
  );
}
