/** Resolves after some milliseconds, or rejects with the signal's reason once it is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Milliseconds to wait before the n-th new try (from 0): doubling, of which a random half, so that clients spread. */
export function backoff(n: number, first = 500, most = 15_000): number {
  const whole = Math.min(most, first * 2 ** Math.min(n, 20));
  return whole / 2 + (Math.random() * whole) / 2;
}
