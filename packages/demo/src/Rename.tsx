import type { FormEvent } from 'react';
import { Button, Field, useAction } from './ui';

type Props = {
  label: string;
  name: string;
  onName: (name: string) => Promise<unknown>;
  onKeep: () => void;
};

/** Asks for another name. */
export function Rename({ label, name, onName, onKeep }: Props) {
  const { run, busy, trouble, clear } = useAction();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get('alias')).trim();
    return run(() => onName(text));
  };
  return (
    <form className="form form-row" onSubmit={submit}>
      <Field
        label={label}
        name="alias"
        defaultValue={name}
        maxLength={60}
        autoFocus
        onFocus={({ target }) => target.select()}
        required
        onChange={clear}
        trouble={trouble}
      />
      <Button type="submit" busy={busy}>
        Save
      </Button>
      <Button look="quiet" onClick={onKeep}>
        Keep
      </Button>
    </form>
  );
}
