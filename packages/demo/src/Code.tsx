import type { ChangeEvent, ReactNode } from 'react';
import { digitsIn } from './codes';
import type { Trouble } from './errors';
import { Field } from './ui';

type Props = {
  code: string;
  /** How many digits the code has: 6 unless the server named another length. */
  length?: number;
  /** The most digits that are taken: a code by mail can be longer than was told. */
  longest?: number;
  /** What was typed has changed; an error about the earlier text is to go. */
  setCode: (code: string) => void;
  hint: ReactNode;
  trouble: Trouble | undefined;
  autoFocus?: boolean;
};

/** The field for a code of digits, as the keyboards of phones and the autofill of browsers know it. */
export function CodeField({ code, setCode, length = 6, longest = length, autoFocus = true, ...rest }: Props) {
  // People paste "123 456", or the whole line of a mail; many keyboards write the digits of another script.
  const change = ({ target }: ChangeEvent<HTMLInputElement>) => setCode(digitsIn(target.value));
  return (
    <Field
      {...rest}
      label="Code"
      name="code"
      className="code-input"
      autoComplete="one-time-code"
      inputMode="numeric"
      autoFocus={autoFocus}
      required
      pattern={`[0-9]{${length},${longest}}`}
      title={`${length} digits`}
      value={code}
      onChange={change}
    />
  );
}
