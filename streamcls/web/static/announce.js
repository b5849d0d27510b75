/** What a screen reader is told: short, and not more often than one can listen. */

const QUIET_MS = 4000;

let lastMs = 0;
let waiting = null;

function say(text) {
  document.getElementById('live').textContent = text;
  lastMs = performance.now();
}

/**
 * Says something at once: a result, an error, an end.
 * @param {string} text
 */
export function announce(text) {
  clearTimeout(waiting);
  waiting = null;
  say(text);
}

/**
 * Says how far something is; only the newest of many such reports is spoken.
 * @param {string} text
 */
export function announceProgress(text) {
  clearTimeout(waiting);
  const wait = Math.max(0, QUIET_MS - (performance.now() - lastMs));
  waiting = setTimeout(() => say(text), wait);
}
