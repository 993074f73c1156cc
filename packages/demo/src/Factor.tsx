import { getRemovalEffect, type RemovalEffect, setDefaultMfaDevice, TokenScope } from '@stile/client';
import { useState } from 'react';
import { client } from './client';
import { useGuarded } from './Guarded';
import { Rename } from './Rename';
import { Button, focusPanel, say, TroubleNote, useAction } from './ui';

type Props = {
  id: string;
  name: string;
  /** When it came, for people. */
  since: string;
  /** Whether it is offered first; absent when there is no choice. */
  isDefault: boolean | undefined;
  /** The id of the heading that it stands under. */
  panel: string;
  /** What it is: `passkey`, `app`. */
  kind: string;
  /** What becomes of it when it is removed. */
  removal: string;
  /** What the page says then. */
  removed: string;
  onRemove: () => Promise<void>;
  onRename: (alias: string) => Promise<unknown>;
  /** Something about the factors has changed. */
  onChange: (what: string) => Promise<void>;
};

/** What is said before a removal that this session may not survive as it is. */
const WARNINGS: Record<RemovalEffect, string | undefined> = {
  stays: undefined,
  'may-lower': 'You may have to prove another second factor here afterwards, or to set one up.',
  'may-end': 'This may sign you out here, unless you prove yourself with something else that signs in.',
};

/** A second factor in its list: made the default, renamed, removed behind a step-up. */
export function Factor(props: Props) {
  const { id, name, since, isDefault, panel, kind, removal, removed, onRemove, onRename, onChange } = props;
  const guarded = useGuarded();
  const [isRenaming, setRenaming] = useState(false);
  const { run, busy, trouble } = useAction();

  const remove = () =>
    run(async () => {
      const question = {
        scope: TokenScope.Credentialunlink,
        title: `Remove “${name}”`,
        text: removal,
        confirm: `Remove ${kind}`,
        warning: () => (client.user ? WARNINGS[getRemovalEffect({ credentialId: id })] : undefined),
        takesMfaToken: true,
      };
      if (!(await guarded(question, onRemove))) return;
      // The session can have ended with what it stood on; the page says so already.
      if (!client.user) return;
      await onChange(removed);
      focusPanel(panel);
    });
  // A session in which no factor was proved changes none.
  const change = {
    title: `Change “${name}”`,
    text: 'No second factor was proved in this session. So prove one first.',
  };
  const makeDefault = () =>
    run(async () => {
      if (!(await guarded(change, () => setDefaultMfaDevice({ deviceId: id })))) return;
      await onChange('');
      focusPanel(panel);
      say(`“${name}” is offered first now.`);
    });
  const keep = () => {
    setRenaming(false);
    focusPanel(panel);
  };
  const rename = async (alias: string) => {
    if (!(await guarded(change, () => onRename(alias)))) return;
    await onChange('');
    keep();
    say(`The ${kind} is called “${alias}” now.`);
  };

  return (
    <li>
      {isRenaming ? (
        <Rename label={`Name of the ${kind}`} name={name} onName={rename} onKeep={keep} />
      ) : (
        <div className="factor">
          <div>
            <b>{name}</b> {isDefault && <span className="tag">Default</span>}
            <p className="quiet">{since}</p>
          </div>
          {isDefault === false && (
            <Button look="quiet" aria-label={`Make default: ${name}`} busy={busy} onClick={makeDefault}>
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
