/**
 * Turns the date strings of an answer into dates, in place. `paths` are the generated `…Dates` of its type: member
 * names joined by dots, `*` for each element. Free-form parts (`metadata`) are never touched.
 */
export function reviveDates<T>(value: T, paths: readonly string[]): T {
  for (const path of paths) revive(value, path.split('.'));
  return value;
}

function revive(value: unknown, [key, ...rest]: string[]): void {
  if (typeof value !== 'object' || value === null || key === undefined) return;
  const holder = value as Record<string, unknown>;
  for (const name of key === '*' ? Object.keys(holder) : [key]) {
    const member = holder[name];
    if (rest.length > 0) revive(member, rest);
    else if (typeof member === 'string') holder[name] = new Date(member);
  }
}
