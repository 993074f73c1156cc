import type { TokenScope } from './enums.js';

/**
 * A scope wherever one is asked: a member of {@link TokenScope}, its wire value, or a scope of the environment's
 * own in the form `name:verb`. The empty record keeps editors offering the known values.
 */
export type Scope = TokenScope | (`${string}:${string}` & Record<never, never>);
