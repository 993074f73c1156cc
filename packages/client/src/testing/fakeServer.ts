import type { SdkUser } from '@stile/api';

/** One request as the server saw it. */
export type Call = {
  method: string;
  /** Below the environment, without query. */
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: unknown;
  credentials: RequestCredentials | undefined;
};

type Answer = { status?: number; json?: unknown; headers?: Record<string, string> } | undefined;
type Handler = (call: Call) => Answer | Promise<Answer>;

export const ENVIRONMENT = '5711e000-0000-4000-8000-000000000001';
export const API = 'https://auth.example.test/api/v0';

export type FakeServer = {
  calls: Call[];
  fetch: typeof fetch;
  on(route: `${'GET' | 'POST' | 'PUT' | 'DELETE'} /${string}`, handler: Handler): void;
  /** Requests of one route, in order. */
  callsTo(route: string): Call[];
};

/** A server at the HTTP boundary: settings and nonces work, everything else is added by the test. */
export function fakeServer(): FakeServer {
  const calls: Call[] = [];
  const handlers = new Map<string, Handler>();
  let nonces = 0;
  const server: FakeServer = {
    calls,
    on: (route, handler) => void handlers.set(route, handler),
    callsTo: (route) => calls.filter(({ method, path }) => `${method} ${path}` === route),
    fetch: async (input, init = {}) => {
      const url = new URL(String(input));
      const prefix = `/api/v0/sdk/${ENVIRONMENT}`;
      if (!url.pathname.startsWith(prefix)) throw new TypeError(`no such host: ${url}`);
      const call: Call = {
        method: init.method ?? 'GET',
        path: url.pathname.slice(prefix.length),
        query: url.searchParams,
        headers: Object.fromEntries(new Headers(init.headers)),
        body: init.body ? JSON.parse(String(init.body)) : undefined,
        credentials: init.credentials,
      };
      calls.push(call);
      const handler = handlers.get(`${call.method} ${call.path}`);
      const {
        status = 200,
        json,
        headers = {},
      }: NonNullable<Answer> = handler
        ? ((await handler(call)) ?? { status: 204 })
        : { status: 404, json: { error: `no route ${call.method} ${call.path}`, code: 'not_found' } };
      return new Response(json === undefined ? null : JSON.stringify(json), { status, headers });
    },
  };
  server.on('GET /settings', () => ({ json: settings() }));
  server.on('GET /nonces', () => ({
    json: { nonces: Array.from({ length: 5 }, () => `nonce-${++nonces}`) },
  }));
  server.on('POST /revoke', () => undefined);
  return server;
}

export function settings(security: Record<string, unknown> = {}): unknown {
  return {
    chains: [],
    kyc: [],
    design: {},
    general: {},
    privacy: {},
    sdk: {},
    security: { auth: { storage: ['localstorage'] }, ...security },
  };
}

export function user(patch: Partial<Record<keyof SdkUser, unknown>> = {}): Record<string, unknown> {
  return {
    id: 'user-1',
    projectEnvironmentId: ENVIRONMENT,
    email: 'a@example.test',
    firstVisit: '2026-01-02T03:04:05.000Z',
    scope: 'user:basic',
    metadata: { createdAt: '2020-01-01T00:00:00.000Z' },
    verifiedCredentials: [{ id: 'c1', format: 'email', email: 'a@example.test', signInEnabled: true }],
    ...patch,
  };
}

let issued = 0;

export function verifyResponse(patch: Record<string, unknown> = {}): Record<string, unknown> {
  issued++;
  return {
    user: user(),
    minifiedJwt: `access-${issued}`,
    jwt: `identity-${issued}`,
    expiresAt: Math.floor(Date.now() / 1000) + 3600,
    ...patch,
  };
}

/** An unsigned JWT: clients never verify. */
export function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'ES256' })}.${part(claims)}.${part(++issued)}`;
}

export function elevatedToken(scope: string, patch: Record<string, unknown> = {}): string {
  return jwt({ scope, exp: Math.floor(Date.now() / 1000) + 300, singleUse: true, ...patch });
}
