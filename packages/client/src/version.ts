/** Version of this package, sent as `x-dyn-version`. */
export const VERSION = 'StileSDK/0.1.0';

/** Version of the public API contract that this client speaks, sent as `x-dyn-api-version`. */
export const API_VERSION = '0.0.1125';
