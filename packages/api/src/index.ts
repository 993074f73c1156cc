export * from './enums.js';
export * from './generated.js';
export type { Scope } from './scope.js';
