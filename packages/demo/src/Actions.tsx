import { consumeMfaToken, getMfaMethods, isMfaRequiredForAction, MFAAction, updateUser } from '@stile/client';
import { type FormEvent, useEffect, useState } from 'react';
import { client, useStile } from './client';
import { needsFactor, needsStepUp } from './errors';
import { useLog } from './log';
import { type Method, methodsOf, namedOf } from './methods';
import { Proof } from './Proof';
import { hasRecoveryCodes } from './StepUp';
import { Button, Field, focusPanel, say, Told, TroubleNote, useAction, useTold } from './ui';

const ACTIONS = [
  [MFAAction.UserUpdate, 'Change the profile'],
  [MFAAction.WalletWaasExport, 'Export a wallet’s key'],
  [MFAAction.WalletWaasSign, 'Sign with a wallet'],
  [MFAAction.WalletWaasRefresh, 'Refresh a wallet’s key shares'],
  [MFAAction.WalletWaasReshare, 'Share a wallet anew'],
] as const;

type Props = {
  /** Changes when the user's factors do: the answers hang on them. */
  factors: number | undefined;
  /** Told whether the action was done with a token. */
  setDone: (done: boolean) => void;
};

/** Which actions ask for a second factor, and one of them done: the way of apps at API version 2026_01_01. */
export function Actions({ factors, setDone }: Props) {
  const { user, mfaToken } = useStile();
  const [required, setRequired] = useState<Partial<Record<MFAAction, boolean>>>({});
  const [methods, setMethods] = useState<Method[]>();
  const { tokens } = useLog();
  const { run, busy, trouble, clear } = useAction();
  const { told, tell } = useTold();
  const asking = useAction();

  const ask = async () => {
    const answers = ACTIONS.map(async ([mfaAction]) => [
      mfaAction,
      await isMfaRequiredForAction({ mfaAction }),
    ]);
    setRequired(Object.fromEntries(await Promise.all(answers)));
  };
  useEffect(() => {
    if (factors !== undefined) void asking.run(ask);
  }, [factors]);

  const change = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const alias = String(new FormData(event.currentTarget).get('alias')).trim();
    return run(async () => {
      const carriesToken = client.mfaToken !== null;
      try {
        await updateUser({ userFields: { alias } });
      } catch (error) {
        if (needsStepUp(error) || needsFactor(error)) await findMethods();
        throw error;
      } finally {
        // A single-use token is spent by now, and the client cannot know.
        if (client.mfaToken) consumeMfaToken();
      }
      setDone(carriesToken);
      tell(`Your nickname is “${alias}” now.`);
    });
  };
  const findMethods = async () => {
    const { named, defaultId } = namedOf(await getMfaMethods());
    setMethods(methodsOf(named, { defaultId, hasRecoveryCodes: hasRecoveryCodes() }));
  };
  const offerProof = () => run(findMethods);
  const proved = () => {
    setMethods(undefined);
    // The refusal was for want of this token; now the change can be made.
    clear();
    focusPanel('save-nickname');
    say('You have an MFA token. The next change carries it.');
  };

  return (
    <section className="panel" aria-labelledby="actions">
      <h2 id="actions" tabIndex={-1}>
        Protected actions
      </h2>
      <table className="actions">
        <thead>
          <tr>
            <th scope="col">Action</th>
            <th scope="col">A second factor?</th>
          </tr>
        </thead>
        <tbody>
          {ACTIONS.map(([action, name]) => (
            <tr key={action}>
              <th scope="row">
                {name} <code>{action}</code>
              </th>
              <td>{required[action] === undefined ? '…' : required[action] ? 'Required' : 'Not asked'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <TroubleNote trouble={asking.trouble} />

      <h3>Your nickname</h3>
      <form className="form form-row" onSubmit={change}>
        <Field
          label="Nickname"
          name="alias"
          autoComplete="nickname"
          defaultValue={user?.alias ?? ''}
          maxLength={60}
          required
        />
        <Button id="save-nickname" type="submit" look="main" busy={busy}>
          Save nickname
        </Button>
      </form>
      <Told told={told} />
      <TroubleNote trouble={trouble} />

      <p>
        MFA token: <b>{mfaToken ? 'held' : tokens.mfa ? 'spent' : 'none'}</b>
        {mfaToken && '. The next change carries it, and it works once.'}
      </p>
      {!mfaToken && required[MFAAction.UserUpdate] && !methods && (
        <Button busy={busy} onClick={offerProof}>
          Get an MFA token
        </Button>
      )}
      {!mfaToken && methods && (
        <Proof
          methods={methods}
          wanted={{ mfaToken: { singleUse: true } }}
          verb="Get token"
          // After a refusal the proof is what comes next.
          takesFocus
          onProved={proved}
        />
      )}
    </section>
  );
}
