import { NoWebAuthNSupportError } from '../errors/NoWebAuthNSupportError.js';
import type { Core } from './core.js';
import { fromBase64Url, toBase64Url } from './encoding.js';
import { until } from './limits.js';

/** What a ceremony gives: the body to send, and what stays here. */
export type Ceremony = {
  body: { id: string; response: Record<string, unknown> } & Record<string, unknown>;
  clientExtensionResults: AuthenticationExtensionsClientOutputs;
};

type Json = Record<string, unknown>;

/** @throws NoWebAuthNSupportError */
export function requireWebAuthn(): void {
  if (typeof PublicKeyCredential === 'undefined' || !globalThis.navigator?.credentials) {
    throw new NoWebAuthNSupportError();
  }
}

/**
 * Registers with the browser. `extensions` are added to those of the server, as the browser takes them; their
 * results are in `clientExtensionResults`. Errors of the browser pass through.
 */
export async function createCredential(
  core: Core,
  options: Json,
  extensions?: AuthenticationExtensionsClientInputs,
): Promise<Ceremony> {
  const publicKey = parse<PublicKeyCredentialCreationOptions>('parseCreationOptionsFromJSON', options);
  const credential = await alone(core, { isConditional: false }, (signal) =>
    navigator.credentials.create({ publicKey: withExtensions(publicKey, extensions), signal }),
  );
  const json = toJson(credential as PublicKeyCredential);
  const { attestationObject, clientDataJSON, transports, publicKey: spki } = json.response as Json;
  // The public contract spells this one member of registrations `clientDataJson`.
  return finish(credential, json, {
    attestationObject,
    clientDataJson: clientDataJSON,
    transports,
    publicKey: spki,
  });
}

/** Authenticates with the browser; otherwise as `createCredential`. */
export async function getCredential(
  core: Core,
  options: Json,
  request: {
    extensions?: AuthenticationExtensionsClientInputs | undefined;
    mediation?: CredentialMediationRequirement | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<Ceremony> {
  const publicKey = parse<PublicKeyCredentialRequestOptions>('parseRequestOptionsFromJSON', options);
  const { signal, mediation } = request;
  const credential = await alone(core, { signal, isConditional: mediation === 'conditional' }, (signal) =>
    navigator.credentials.get({
      publicKey: withExtensions(publicKey, request.extensions),
      signal,
      ...(mediation ? { mediation } : undefined),
    }),
  );
  const json = toJson(credential as PublicKeyCredential);
  const { clientDataJSON, authenticatorData, signature, userHandle } = json.response as Json;
  return finish(credential, json, {
    clientDataJSON,
    authenticatorData,
    signature,
    ...(userHandle ? { userHandle } : undefined),
  });
}

function finish(credential: unknown, json: Json, response: Json): Ceremony {
  const { id, rawId, type, authenticatorAttachment } = json;
  return {
    body: {
      id: id as string,
      rawId,
      type,
      ...(authenticatorAttachment ? { authenticatorAttachment } : undefined),
      response,
      clientExtensionResults: withoutSecrets(json.clientExtensionResults as Json),
    },
    clientExtensionResults: (credential as PublicKeyCredential).getClientExtensionResults(),
  };
}

/** What an extension computes for this page alone (a PRF value is key material) must not go to the server. */
function withoutSecrets(results: Json = {}): Json {
  const { hmacGetSecret: _hmac, prf, largeBlob, ...rest } = results;
  const { results: _prfResults, ...prfRest } = (prf ?? {}) as Json;
  const { blob: _blob, ...blobRest } = (largeBlob ?? {}) as Json;
  return {
    ...rest,
    ...(prf ? { prf: prfRest } : undefined),
    ...(largeBlob ? { largeBlob: blobRest } : undefined),
  };
}

type Running = { owner: Core; abort: AbortController; isConditional: boolean; done: Promise<unknown> };

/** The ceremony that is under way in this page: the browser runs one at a time, whatever client began it. */
let running: Running | undefined;

/**
 * A waiting ceremony (the autofill of a sign-in field) gives way to whatever comes. One that the user began is never
 * disturbed by an autofill that comes late: this one waits until it has ended.
 */
async function alone<T>(
  core: Core,
  { signal, isConditional }: { signal?: AbortSignal | undefined; isConditional: boolean },
  run: (signal: AbortSignal) => Promise<T | null>,
): Promise<T> {
  signal?.throwIfAborted();
  while (isConditional && running && !running.isConditional) {
    const { done } = running;
    await (signal ? until(signal, done) : done);
  }
  running?.abort.abort();
  const abort = new AbortController();
  const forward = () => abort.abort(signal?.reason);
  signal?.addEventListener('abort', forward);
  const result = Promise.resolve().then(() => run(abort.signal));
  const own = { owner: core, abort, isConditional, done: result.catch(() => undefined) };
  running = own;
  try {
    const credential = await result;
    if (!credential) throw new NoWebAuthNSupportError('The browser answered no passkey');
    return credential;
  } finally {
    signal?.removeEventListener('abort', forward);
    if (running === own) running = undefined;
  }
}

/** Ends the ceremony that this client began, if there is one. */
export function abortCeremony(core: Core): void {
  if (running?.owner === core) running.abort.abort(core.life.signal.reason);
}

function withExtensions<T extends { extensions?: AuthenticationExtensionsClientInputs }>(
  options: T,
  extensions: AuthenticationExtensionsClientInputs | undefined,
): T {
  return extensions ? { ...options, extensions: { ...options.extensions, ...extensions } } : options;
}

/** WebAuthn L3 §5.1.8 and §5.1.9, or their work by hand in browsers from before 2025. */
function parse<T>(method: 'parseCreationOptionsFromJSON' | 'parseRequestOptionsFromJSON', options: Json): T {
  const native = (PublicKeyCredential as unknown as Record<string, ((options: Json) => T) | undefined>)[
    method
  ];
  if (native) return native.call(PublicKeyCredential, options);
  const descriptors = (list: unknown) =>
    (list as Json[] | undefined)?.map((item) => ({
      type: 'public-key',
      ...item,
      id: fromBase64Url(item.id as string),
    }));
  const { user, allowCredentials, excludeCredentials, extensions } = options as Record<
    string,
    Json | undefined
  >;
  return {
    ...options,
    challenge: fromBase64Url(options.challenge as string),
    ...(user ? { user: { ...user, id: fromBase64Url(user.id as string) } } : undefined),
    ...(allowCredentials ? { allowCredentials: descriptors(allowCredentials) } : undefined),
    ...(excludeCredentials ? { excludeCredentials: descriptors(excludeCredentials) } : undefined),
    ...(extensions ? { extensions: decodeExtensions(extensions) } : undefined),
  } as T;
}

/** Of the extensions, only PRF carries bytes that the server may choose. */
function decodeExtensions(extensions: Json): Json {
  const { prf } = extensions as { prf?: { eval?: Json; evalByCredential?: Record<string, Json> } };
  if (!prf) return extensions;
  const salts = (values: Json) =>
    Object.fromEntries(Object.entries(values).map(([key, salt]) => [key, fromBase64Url(salt as string)]));
  const byCredential = Object.entries(prf.evalByCredential ?? {}).map(([id, values]) => [id, salts(values)]);
  return {
    ...extensions,
    prf: {
      ...(prf.eval ? { eval: salts(prf.eval) } : undefined),
      ...(byCredential.length > 0 ? { evalByCredential: Object.fromEntries(byCredential) } : undefined),
    },
  };
}

function toJson(credential: PublicKeyCredential): Json {
  try {
    return credential.toJSON() as unknown as Json;
  } catch {
    // Older browsers, and password managers whose credentials are plain objects.
    return byHand(credential);
  }
}

function byHand(credential: PublicKeyCredential): Json {
  const response = credential.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  const text = (buffer: ArrayBuffer | null | undefined) => (buffer ? toBase64Url(buffer) : undefined);
  return {
    id: credential.id,
    rawId: toBase64Url(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      attestationObject: text(response.attestationObject),
      transports: response.getTransports?.(),
      publicKey: text(response.getPublicKey?.()),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: text(response.userHandle),
    },
  };
}
