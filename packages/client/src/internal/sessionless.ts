import type { Core } from './core.js';
import { readStored } from './recordStore.js';
import { type Call, callApart } from './transport.js';

/** Calls the server for what has nothing to do with a session, and answers the parsed body. No token goes along. */
export function ask<T>(core: Core, call: Call): Promise<T> {
  return callApart(core, call, readStored);
}
