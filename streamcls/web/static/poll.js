/** Asking again and again, politely: not while hidden, less often while the server is away. */

import { backOffMs, ConnectionLost, pause } from './api.js';

function visible(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look, { once: true });
  });
}

/**
 * Runs a task now and then until the signal ends. A lost connection is shown by the page's banner;
 * any other failure goes to `onError`.
 * @param {function(): Promise<number|void>} task may return the milliseconds until the next time
 * @param {{periodMs: number, signal: AbortSignal, onError: function(Error)}} options
 */
export async function poll(task, { periodMs, signal, onError }) {
  let failures = 0;
  let wait = periodMs;
  while (!signal.aborted) {
    try {
      await visible(signal);
      if (signal.aborted) return;
      wait = await task() ?? periodMs;
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      if (!(error instanceof ConnectionLost)) onError(error);
    }
    try {
      await pause(failures ? Math.max(backOffMs(failures), periodMs) : wait, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
