import type { ChangeEvent, ReactNode } from 'react';
import type { Trouble } from './errors';
import { Field } from './ui';

type Props = {
  code: string;
  setCode: (code: string) => void;
  hint: ReactNode;
  trouble: Trouble | undefined;
  autoFocus?: boolean;
};

/** The field for a code of digits, as the keyboards of phones and the autofill of browsers know it. */
export function CodeField({ code, setCode, autoFocus = true, ...rest }: Props) {
  // People paste "123 456", or the whole line of a mail; some keyboards write full-width digits.
  const change = ({ target }: ChangeEvent<HTMLInputElement>) =>
    setCode(target.value.normalize('NFKC').replace(/\D/g, ''));
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
      value={code}
      onChange={change}
    />
  );
}
