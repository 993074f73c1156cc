/** How long one call of the server may take, from its first header to the last byte of the answer. Milliseconds. */
export const REQUEST_LIMIT = 20_000;
/**
 * How long nonces may take. Another call waits for them within its own limit, and some can be sent without one, so most
 * of that limit must be left. Milliseconds.
 */
export const NONCES_LIMIT = 8_000;
/** How long a storage, a key store or a lock is waited for. Milliseconds. */
export const WAIT_LIMIT = 3_000;

/** A promise with an end: rejects with `late()` when it takes longer. */
export async function within<T>(
  promise: PromiseLike<T>,
  milliseconds: number,
  late: () => Error,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), milliseconds);
  });
  try {
    return await Promise.race([promise, end]);
  } finally {
    clearTimeout(timer);
  }
}

/** A promise that ends with a signal: rejects with its reason. */
export async function until<T>(signal: AbortSignal, promise: PromiseLike<T>): Promise<T> {
  let stop: (() => void) | undefined;
  const end = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([promise, end]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}
