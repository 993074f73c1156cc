/** How long a journey waits for one thing, in milliseconds. Generous: it is only ever reached by a failure. */
export const PATIENCE = 20_000;

/**
 * A promise with an end. The error says what was waited for.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {string | (() => string)} what
 * @param {number} [milliseconds]
 * @returns {Promise<T>}
 */
export async function within(promise, what, milliseconds = PATIENCE) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const end = new Promise((_, reject) => {
    const late = () =>
      reject(new Error(`waited ${milliseconds} ms for ${typeof what === 'string' ? what : what()}`));
    timer = setTimeout(late, milliseconds);
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (end)]);
  } finally {
    clearTimeout(timer);
  }
}
