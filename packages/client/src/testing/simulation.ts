import { createStileClient } from '../client/createStileClient.js';
import { destroyClient } from '../client/destroyClient.js';
import { authenticateTotpMfaDevice } from '../mfa/authenticateTotpMfaDevice.js';
import { verifyOTP } from '../otp/verifyOTP.js';
import { logout } from '../session/logout.js';
import { refreshAuth } from '../session/refreshAuth.js';
import type { Keychain, StileClient, StorageAdapter } from '../types.js';
import { deleteUser } from '../user/deleteUser.js';
import { refreshUser } from '../user/refreshUser.js';
import { API, ENVIRONMENT, jwt, settings } from './fakeServer.js';

// One browser with several tabs against one server, step by step in an order that a seed chooses. The storage is that
// of Chromium: each tab sees its own writes at once and those of the others later. Requests are taken by the server,
// and their answers by the tab, in any order; both can be lost. Tokens may be so short-lived that they expire while they
// are renewed. Whatever must never happen is thrown as a `Fault`.

export class Fault extends Error {}

/** Numbers that are the same in every run (Park–Miller). */
export function randomOf(seed: number): (below: number) => number {
  let state = (seed * 7_919) % 2_147_483_647 || 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

type Session = {
  id: string;
  user: string;
  isFull: boolean;
  endedBy: string | undefined;
  parent: string | undefined;
};

/** What the server knows. Its clock is that of the test. */
class Server {
  readonly sessions: Map<string, Session> = new Map();
  readonly tokens: Map<string, Session> = new Map();
  /** When each token expires, in seconds since 1970. */
  readonly expiries: Map<string, number> = new Map();
  /** Sessions that somebody asked to end by `logout`. */
  readonly wanted: Set<string> = new Set();
  private count = 0;

  /** @param lifetime  how long a token is good, in seconds */
  constructor(private readonly lifetime: number) {}

  /** Answers a request; status 0 stands for a server that is not there. */
  answer(method: string, path: string, token: string | undefined, body: Record<string, unknown>): Reply {
    const session = token ? this.tokens.get(token) : undefined;
    const live = session && !session.endedBy ? session : undefined;
    const refused: Reply = { status: 401, json: { error: 'no session', code: 'session_ended' } };
    // An expired token says nothing of its session, which may have been renewed. Only `revoke` takes it.
    if (token && path !== '/revoke' && this.isExpired(token)) {
      return { status: 401, json: { error: 'expired', code: 'unauthorized' } };
    }
    switch (`${method} ${path}`) {
      case 'GET /settings':
        return { status: 200, json: settings() };
      case 'GET /nonces':
        return { status: 200, json: { nonces: [1, 2, 3, 4, 5].map(() => `nonce-${++this.count}`) } };
      case 'POST /emailVerifications/signin': {
        const user = String(body.verificationToken);
        return this.grant(this.open(user, user === 'bob', undefined));
      }
      case 'POST /emailVerifications/verify':
        // A sign-in that waited until somebody else was in: to him it is a further address.
        return { status: 422, json: { error: 'wrong code', code: 'wrong_email_verification_token' } };
      case 'POST /users/mfa/auth/totp':
        if (!live) return refused;
        if (body.code !== live.user)
          throw new Fault(`the code of ${body.code} came with the token of ${live.user}`);
        if (live.isFull) return this.grant(live);
        live.endedBy = 'used up';
        return this.grant(this.open(live.user, true, live.id));
      case 'POST /refresh':
        return live ? this.grant(live) : refused;
      case 'GET /users':
        return live ? { status: 200, json: userOf(live) } : refused;
      case 'DELETE /users':
        if (!live) return refused;
        for (const each of this.sessions.values()) if (each.user === live.user) each.endedBy ??= 'deleted';
        return { status: 204 };
      case 'POST /revoke':
        if (live && !this.isWanted(live)) throw new Fault(`${live.id} was revoked, and nobody had ended it`);
        if (live) live.endedBy = 'revoked';
        return { status: 204 };
      default:
        throw new Fault(`no route ${method} ${path}`);
    }
  }

  /** Whether somebody ended the session, or the one that it came from. */
  isWanted(session: Session | undefined): boolean {
    if (!session) return false;
    if (this.wanted.has(session.id)) return true;
    return session.parent ? this.isWanted(this.sessions.get(session.parent)) : false;
  }

  private open(user: string, isFull: boolean, parent: string | undefined): Session {
    const session: Session = { id: `session-${++this.count}`, user, isFull, endedBy: undefined, parent };
    this.sessions.set(session.id, session);
    return session;
  }

  private grant(session: Session): Reply {
    const iat = Math.floor(serverTime() / 1000);
    const exp = iat + this.lifetime;
    const minifiedJwt = jwt({ sub: session.user, sid: session.id, iat, exp, n: ++this.count });
    this.tokens.set(minifiedJwt, session);
    this.expiries.set(minifiedJwt, exp);
    return {
      status: 200,
      json: { user: userOf(session), minifiedJwt, jwt: 'identity', expiresAt: exp },
    };
  }

  /** Whether a token has expired, or had so many seconds ago. */
  isExpired(token: string, ago = 0): boolean {
    return (this.expiries.get(token) ?? 0) + ago <= serverTime() / 1000;
  }
}

/** The server's clock: unlike `Date.now()` nobody sets it. */
const serverTime = () => 1_800_000_000_000 + performance.now();

const userOf = ({ id, user, isFull }: Session) => ({
  id: user,
  sessionId: id,
  scope: isFull ? 'user:basic' : 'requiresAdditionalAuth',
  verifiedCredentials: [],
});

type Reply = { status: number; json?: unknown };
type Pending = {
  tab: Tab;
  method: string;
  path: string;
  token: string | undefined;
  body: Record<string, unknown>;
  reply: Reply | undefined;
  /** How often somebody had decided who is signed in when the request was sent; `undefined` while not all tabs knew. */
  decisions: number | undefined;
  resolve(response: Response): void;
  reject(error: Error): void;
};
type Act = [name: string, run: () => Promise<unknown>];
type Write = { key: string; value: string | undefined };

class Tab {
  readonly view: Map<string, string>;
  /** Own writes that the browser has not yet, and writes of others that this tab has not yet. */
  readonly outbox: Write[] = [];
  readonly inbox: Write[] = [];
  onChange: (key: string) => void = () => undefined;
  readonly client: StileClient;

  /** The session that was shown until its token expired. */
  get expired(): string | undefined {
    const text = this.view.get(`dynamic_${ENVIRONMENT}_session`) ?? '{}';
    const { ended, sid } = JSON.parse(text).value ?? {};
    return ended === 'token-expired' ? sid : undefined;
  }

  constructor(
    readonly browser: Browser,
    readonly name: string,
  ) {
    this.view = new Map(browser.disk);
    const set = (key: string, value: string | undefined) => {
      if (value === undefined) this.view.delete(key);
      else this.view.set(key, value);
      this.outbox.push({ key, value });
    };
    const storageAdapter: StorageAdapter = {
      getItem: (key) => this.view.get(key),
      setItem: (key, value) => set(key, value),
      removeItem: (key) => set(key, undefined),
      subscribe: (onChange) => {
        this.onChange = onChange;
        return () => {
          this.onChange = () => undefined;
        };
      },
    };
    this.client = createStileClient({
      environmentId: ENVIRONMENT,
      coreConfig: {
        apiBaseUrl: API,
        fetch: (input, init) => browser.send(this, String(input), init ?? {}),
        storageAdapter,
        keychain: browser.keychain,
        logger: { warn: () => undefined, error: (...values) => browser.faults.push(values.join(' ')) },
      },
    });
  }
}

export class Browser {
  readonly server: Server;
  readonly disk: Map<string, string> = new Map();
  readonly faults: string[] = [];
  readonly trace: string[] = [];
  tabs: Tab[] = [];
  private pending: Pending[] = [];
  private closed: Tab[] = [];
  private running = 0;
  private names = 0;
  private keys = 0;
  /** Sign-ins, sign-outs and deletions that were begun or have ended, and how many have not ended. */
  private decisions = 0;
  private deciding = 0;
  /** The token of the latest renewal that reached a tab, while nobody has decided anything since it was asked for. */
  private renewed: { token: string; tab: Tab } | undefined;
  /** Whether somebody set the clock of the browser. */
  private isClockSet = false;
  private key: string | undefined;
  readonly keychain: Keychain = {
    getPublicKey: async () => this.key,
    createKey: async () => {
      this.key ??= `02${++this.keys}`;
      return this.key;
    },
    sign: async () => 'ff',
    deleteKey: async () => {
      this.key = undefined;
    },
  };

  constructor(
    private readonly random: (below: number) => number,
    /** Moves the clock of the browser by so many milliseconds; only `setClock` leaves the rest of time alone. */
    private readonly time: { advance(ms: number): Promise<unknown>; setClock(ms: number): void },
    /** How long a token is good, in seconds. */
    private readonly lifetime: number = 3_600,
  ) {
    this.server = new Server(lifetime);
  }

  send(tab: Tab, url: string, init: RequestInit): Promise<Response> {
    const { pathname } = new URL(url);
    const path = pathname.slice(`/api/v0/sdk/${ENVIRONMENT}`.length);
    const headers = new Headers(init.headers);
    const token = headers.get('authorization')?.slice('Bearer '.length);
    const owner = token ? this.server.tokens.get(token)?.user : undefined;
    if (path !== '/revoke' && owner && owner !== tab.client.user?.id) {
      throw new Fault(
        `${tab.name}: ${path} with the token of ${owner} while ${tab.client.user?.id} is shown`,
      );
    }
    return new Promise((resolve, reject) => {
      const body = init.body ? JSON.parse(String(init.body)) : {};
      const pending: Pending = {
        tab,
        method: init.method ?? 'GET',
        path,
        token,
        body,
        reply: undefined,
        decisions: this.isTold() ? this.decisions : undefined,
        resolve,
        reject,
      };
      this.pending.push(pending);
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
    });
  }

  open(): Tab {
    const tab = new Tab(this, `tab-${++this.names}`);
    this.tabs.push(tab);
    return tab;
  }

  private close(tab: Tab): void {
    this.trace.push(`${tab.name}: closed`);
    destroyClient(tab.client);
    this.tabs = this.tabs.filter((each) => each !== tab);
    this.closed.push(tab);
  }

  /** What a person, the network or fate does next. */
  async step(): Promise<void> {
    const { random } = this;
    const tab = this.tabs[random(this.tabs.length)];
    const kind = random(100);
    if (!tab) this.open();
    else if (kind < 30) this.act(tab);
    else if (kind < 50) this.serve(random(12) === 0);
    else if (kind < 68) this.deliver(random(15) === 0);
    else if (kind < 90) this.passOn();
    else if (kind < 92 && this.tabs.length < 4) this.open();
    else if (kind < 95) {
      this.close(tab);
      if (random(2) || this.tabs.length === 0) this.open();
    } else if (kind < 96) this.restart();
    else if (kind < 97) this.endElsewhere();
    else if (kind < 98) this.setClock((random(7) - 3) * 3_600_000);
    else await this.time.advance(random(3_000));
    // Time that passes beside everything else carries short-lived tokens over their end.
    if (this.isShortLived && random(3) === 0) await this.time.advance(random(3_000));
    await settled();
    this.check();
  }

  /** Starts where everybody knows of one session. */
  async signIn(): Promise<void> {
    await this.rest();
    const [tab] = this.tabs;
    const otpVerification = { email: 'a@x.test', verificationUUID: 'u' };
    void verifyOTP({ otpVerification, verificationToken: this.random(2) ? 'ann' : 'bob' }, tab?.client);
    await this.rest();
  }

  /** Whether nobody is deciding who is signed in, and every tab knows what was decided. */
  private isTold(): boolean {
    const writes = [...this.tabs, ...this.closed].flatMap(({ outbox, inbox }) => [...outbox, ...inbox]);
    return this.deciding === 0 && !writes.some(({ key }) => key.endsWith('_session'));
  }

  private get isShortLived(): boolean {
    return this.lifetime < 60;
  }

  private setClock(milliseconds: number): void {
    this.isClockSet = true;
    this.time.setClock(milliseconds);
  }

  private act(tab: Tab): void {
    const { client } = tab;
    const shown = client.user?.sessionId;
    const ending = shown ?? tab.expired;
    const code = client.user?.id ?? 'nobody';
    const otpVerification = { email: 'a@x.test', verificationUUID: 'u' };
    const acts: Act[] = [
      ['sign in ann', () => verifyOTP({ otpVerification, verificationToken: 'ann' }, client)],
      ['sign in bob', () => verifyOTP({ otpVerification, verificationToken: 'bob' }, client)],
      ['prove', () => authenticateTotpMfaDevice({ code }, client)],
      ['refresh', () => refreshAuth(client)],
      ['refresh', () => refreshAuth(client)],
      ['fetch the user', () => refreshUser(client)],
      ['log out', () => logout(client)],
      ['delete', () => deleteUser(client)],
    ];
    const [name, run] = this.choose(acts);
    // A signed-in page offers no sign-in.
    if (name.startsWith('sign in') && client.user) return;
    if (name === 'prove' && !client.user) return;
    if (name === 'delete' && this.random(3)) return;
    if (ending && name === 'log out') this.server.wanted.add(ending);
    this.trace.push(`${tab.name}: ${name} (${shown})`);
    const decides = name.startsWith('sign in') || name === 'log out' || name === 'delete';
    const decide = (by: number) => {
      this.deciding += by;
      this.decisions++;
      this.renewed = undefined;
    };
    const end = () => {
      this.running--;
      if (decides) decide(-1);
    };
    this.running++;
    if (decides) decide(1);
    run().then(end, end);
  }

  /** Where tokens are short-lived, people mostly renew them. */
  private choose(acts: Act[]): Act {
    const isChosen = !this.isShortLived || this.random(3) === 0;
    const among = isChosen ? acts : acts.filter(([name]) => name === 'refresh');
    return among[this.random(among.length)] as Act;
  }

  /** The server takes one of the requests, or the network loses it. */
  private serve(isLost: boolean): boolean {
    const waiting = this.pending.filter(({ reply }) => !reply);
    const next = waiting[this.random(Math.max(1, waiting.length))];
    if (!next) return false;
    this.trace.push(`server: ${next.path} of ${next.tab.name}${isLost ? ' lost' : ''}`);
    next.reply = isLost ? { status: 0 } : this.server.answer(next.method, next.path, next.token, next.body);
    return true;
  }

  /** A tab gets one of the answers, or the network loses it. */
  private deliver(isLost: boolean): boolean {
    const answered = this.pending.filter(({ reply }) => reply);
    const next = answered[this.random(Math.max(1, answered.length))];
    if (!next?.reply) return false;
    this.pending = this.pending.filter((each) => each !== next);
    this.trace.push(`${next.tab.name}: answer to ${next.path} ${isLost ? 'lost' : next.reply.status}`);
    if (isLost || next.reply.status === 0) next.reject(new TypeError('network'));
    else {
      const { status, json } = next.reply;
      const isRenewal = next.path === '/refresh' && status === 200 && this.tabs.includes(next.tab);
      if (isRenewal && next.decisions === this.decisions) {
        this.renewed = { token: (json as { minifiedJwt: string }).minifiedJwt, tab: next.tab };
      }
      next.resolve(new Response(json === undefined ? null : JSON.stringify(json), { status }));
    }
    return true;
  }

  /** The browser passes one write on: from a tab to the disk, or from there to a tab. */
  private passOn(): boolean {
    const from = [...this.tabs, ...this.closed].filter(({ outbox }) => outbox.length > 0);
    const to = this.tabs.filter(({ inbox }) => inbox.length > 0);
    const at = this.random(Math.max(1, from.length + to.length));
    const source = from[at];
    if (source) {
      const write = source.outbox.shift() as Write;
      if (write.value === undefined) this.disk.delete(write.key);
      else this.disk.set(write.key, write.value);
      for (const tab of this.tabs) if (tab !== source) tab.inbox.push(write);
      return true;
    }
    const target = to[at - from.length];
    if (!target) return false;
    const { key, value } = target.inbox.shift() as Write;
    // A tab's own write that is on its way comes later in the order of all writes.
    if (target.outbox.some((own) => own.key === key)) return true;
    if (value === undefined) target.view.delete(key);
    else target.view.set(key, value);
    target.onChange(key);
    return true;
  }

  private restart(): void {
    this.trace.push('server: restart');
    for (const { reject } of this.pending.splice(0)) reject(new TypeError('connection reset'));
  }

  private endElsewhere(): void {
    const live = [...this.server.sessions.values()].filter(({ endedBy }) => !endedBy);
    const session = live[this.random(Math.max(1, live.length))];
    if (!session) return;
    this.trace.push(`server: ${session.id} is ended elsewhere`);
    session.endedBy = 'elsewhere';
  }

  private check(): void {
    const [fault] = this.faults;
    if (fault) throw new Fault(fault);
    for (const { client, name } of this.tabs) {
      if ((client.user === null) !== (client.token === null)) throw new Fault(`${name} shows half a session`);
    }
    if (this.renewed) this.keepRenewed([this.renewed.tab]);
  }

  /** Lets everything come to its end, and then checks what must be true of a browser at rest. */
  async end(): Promise<void> {
    await this.rest();
    this.keepRenewed(this.tabs);
    // The server answers in time, so whoever asks it whether a session is over hears that.
    for (let seconds = 0; seconds < 100; seconds += 10) {
      await this.time.advance(10_000);
      await this.rest();
    }
    if (this.running > 0) throw new Fault(`${this.running} calls never settled`);
    this.agree();
    const over = this.tabs.find(({ client }) => client.token && this.server.isExpired(client.token, 60));
    if (over && !this.isClockSet) throw new Fault(`${over.name} shows a session that is over`);
    // Whoever asks hears of a session that ended elsewhere; one that lives stays.
    const [first] = this.tabs;
    const before = first && this.sessionOf(first);
    if (!first?.client.token || !before) return;
    const isOver = before.endedBy !== undefined || this.server.isExpired(first.client.token);
    if (before.endedBy && !['elsewhere', 'deleted', 'used up'].includes(before.endedBy)) {
      throw new Fault(`${before.id} is shown and was ${before.endedBy}`);
    }
    this.trace.push(`${first.name}: last refresh`);
    const refreshing = refreshAuth(first.client).catch(() => undefined);
    await this.rest();
    await refreshing;
    await this.rest();
    this.agree();
    const after = this.sessionOf(first);
    if (isOver ? after !== undefined : after !== before) {
      throw new Fault(`${before.id} (${before.endedBy ?? 'live'}) became ${after?.id}`);
    }
  }

  /** A session that was renewed is shown, although the token before may have expired meanwhile. */
  private keepRenewed(tabs: Tab[]): void {
    const token = this.renewed?.token ?? '';
    const session = this.server.tokens.get(token);
    if (!session || session.endedBy || this.server.isExpired(token)) return;
    const loser = tabs.find((tab) => this.tabs.includes(tab) && this.sessionOf(tab) !== session);
    if (loser) throw new Fault(`${loser.name} lost ${session.id}, which was renewed`);
  }

  private agree(): void {
    const tokens = new Set(this.tabs.map(({ client }) => client.token));
    if (tokens.size > 1) throw new Fault('the tabs disagree');
    for (const tab of this.tabs) {
      const session = this.sessionOf(tab);
      if (session && this.server.isWanted(session)) throw new Fault(`${session.id} came back`);
      if (session && session.user !== tab.client.user?.id) throw new Fault('the token of another user');
    }
  }

  private sessionOf({ client }: Tab): Session | undefined {
    return client.token ? this.server.tokens.get(client.token) : undefined;
  }

  private async rest(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      const moved = this.passOn() || this.serve(false) || this.deliver(false);
      await settled();
      if (moved) quiet = 0;
      else {
        await this.time.advance(200);
        quiet++;
      }
      this.check();
    }
  }

  destroy(): void {
    for (const tab of [...this.tabs]) this.close(tab);
    for (const { reject } of this.pending.splice(0)) reject(new TypeError('over'));
  }
}

/** Lets pending promises run on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
