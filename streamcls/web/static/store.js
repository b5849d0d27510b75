/** Choices that outlive the page, and the state that views share. */

/** Events between modules: "info", "language", "connection". */
export const bus = new EventTarget();

/** What /api/v1/info said last, or null before it said anything. */
export const app = { info: null };

/**
 * Tells everybody who listens on the bus.
 * @param {string} name
 * @param {*} [detail]
 */
export function emit(name, detail) {
  bus.dispatchEvent(new CustomEvent(name, { detail }));
}

/**
 * Listens on the bus until the signal ends.
 * @param {string} name
 * @param {function(*)} listener gets the event's detail
 * @param {AbortSignal} [signal]
 */
export function listen(name, listener, signal) {
  bus.addEventListener(name, (event) => listener(event.detail), { signal });
}

/**
 * Reads a saved choice; where storage is forbidden there is none.
 * @param {string} name
 * @returns {string|null}
 */
export function load(name) {
  try {
    return localStorage.getItem(`streamcls.${name}`);
  } catch (error) {
    console.info('no storage in this browser:', error.message);
    return null;
  }
}

/**
 * Saves a choice; where storage is forbidden it lasts until the page is closed.
 * @param {string} name
 * @param {string} value
 */
export function save(name, value) {
  try {
    localStorage.setItem(`streamcls.${name}`, value);
  } catch (error) {
    console.info('no storage in this browser:', error.message);
  }
}
