import { useSyncExternalStore } from 'react';

/** One request with its answer, for the panel "What happened". Holds secrets: only a demo shows such a thing. */
export type Entry = {
  id: number;
  at: Date;
  method: string;
  /** Without what all calls of an environment have in common. */
  path: string;
  /** `undefined`: no answer came. */
  status: number | undefined;
  /** The error code of the answer. */
  code: string | undefined;
  ms: number;
  sent: Record<string, unknown>;
  answer: unknown;
};

/** The tokens that answers carried last. */
export type SeenTokens = { access?: string; identity?: string; elevated?: string; mfa?: string };

type Log = { entries: readonly Entry[]; tokens: SeenTokens };

const LONGEST = 200;
/** The headers that decide something. */
const SHOWN_HEADERS = ['authorization', 'x-dyn-elevated-access-token', 'x-mfa-auth-token'];

let log: Log = { entries: [], tokens: {} };
let lastId = 0;
const listeners = new Set<() => void>();

export function useLog(): Log {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => log,
  );
}

/** Calls the listener when a request is answered, whatever the answer is. */
export function onAnswer(listener: () => void): () => void {
  const before = log.entries[0]?.id;
  const look = () => {
    const [newest] = log.entries;
    if (newest && newest.id !== before && newest.status !== undefined) listener();
  };
  listeners.add(look);
  return () => void listeners.delete(look);
}

function change(next: Log): void {
  log = next;
  for (const listener of listeners) listener();
}

/** Forgets the tokens of a session that is over. */
export function forgetTokens(): void {
  change({ ...log, tokens: {} });
}

/** `fetch` that writes down what was asked and answered. */
export const loggedFetch: typeof fetch = async (input, init = {}) => {
  const at = new Date();
  const started = performance.now();
  const url = new URL(input instanceof Request ? input.url : input, location.href);
  const write = (status: number | undefined, answer: unknown) => {
    const ms = Math.round(performance.now() - started);
    const entry = entryOf({ at, method: init.method ?? 'GET', url, init, status, answer, ms });
    change({
      entries: [entry, ...log.entries].slice(0, LONGEST),
      tokens: { ...log.tokens, ...tokensIn(answer) },
    });
  };
  try {
    const response = await fetch(input, init);
    write(response.status, parsed(await response.clone().text()));
    return response;
  } catch (error) {
    // A ceremony that gives way to another one is no event.
    if (!init.signal?.aborted) write(undefined, String(error));
    throw error;
  }
};

type Exchange = {
  at: Date;
  method: string;
  url: URL;
  init: RequestInit;
  status: number | undefined;
  answer: unknown;
  ms: number;
};

export function entryOf({ at, method, url, init, status, answer, ms }: Exchange): Entry {
  const headers = new Headers(init.headers);
  const shown = SHOWN_HEADERS.filter((name) => headers.has(name)).map((name) => [name, headers.get(name)]);
  const { code } = (status !== undefined && status >= 400 ? (answer ?? {}) : {}) as { code?: unknown };
  return {
    id: ++lastId,
    at,
    method,
    path: shortPath(url),
    status,
    code: typeof code === 'string' ? code : undefined,
    ms,
    sent: {
      ...(shown.length > 0 ? { headers: Object.fromEntries(shown) } : undefined),
      ...(typeof init.body === 'string' ? { body: parsed(init.body) } : undefined),
    },
    answer,
  };
}

export function shortPath({ pathname, search }: URL): string {
  return `${pathname.replace(/^\/api\/v0\/sdk\/[^/]+/, '')}${search}`;
}

export function tokensIn(answer: unknown): SeenTokens {
  if (typeof answer !== 'object' || answer === null) return {};
  const { minifiedJwt, jwt, elevatedAccessToken, mfaToken } = answer as Record<string, unknown>;
  return {
    ...(typeof minifiedJwt === 'string' ? { access: minifiedJwt } : undefined),
    ...(typeof jwt === 'string' ? { identity: jwt } : undefined),
    ...(typeof elevatedAccessToken === 'string' ? { elevated: elevatedAccessToken } : undefined),
    ...(typeof mfaToken === 'string' ? { mfa: mfaToken } : undefined),
  };
}

function parsed(text: string): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return text;
  }
}

/** An entry as text, to be pasted into an issue. */
export function textOf(entry: Entry): string {
  const head = `${entry.at.toISOString()} ${entry.method} ${entry.path} → ${entry.status ?? 'no answer'}`;
  const part = (title: string, value: unknown) => `${title}: ${JSON.stringify(value, null, 2) ?? '(empty)'}`;
  return [
    `${head}${entry.code ? ` ${entry.code}` : ''} (${entry.ms} ms)`,
    part('sent', entry.sent),
    part('answer', entry.answer),
  ].join('\n');
}
