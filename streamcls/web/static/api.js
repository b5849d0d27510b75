/** Talking to the server: one way to ask, two kinds of failure, one way to try again. */

import { emit } from './store.js';

const ANSWER_TIMEOUT_MS = 20000;
const WORK_TIMEOUT_MS = 300000;
const CODES = { 401: 'unauthorized', 403: 'forbidden', 404: 'not_found', 409: 'conflict',
  413: 'too_large', 415: 'unsupported', 422: 'invalid', 429: 'too_many_requests', 503: 'busy' };
const TRY_AGAIN = new Set(['busy', 'not_ready', 'too_many_requests', 'stopping']);

/** The server answered that it will not or can not. */
export class Problem extends Error {
  constructor(status, body, retryAfterS) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code || CODES[status] || 'internal';
    this.body = body;
    this.retryAfterS = retryAfterS;
  }
}

/** The server did not answer. */
export class ConnectionLost extends Error {}

let lost = false;

/**
 * Remembers whether the server is there, and tells the page when that changes.
 * @param {boolean} isLost
 */
export function noteConnection(isLost) {
  if (lost === isLost) return;
  lost = isLost;
  emit('connection', { lost });
}

/** @returns {boolean} */
export function connectionLost() {
  return lost;
}

/**
 * Reads a refusal, whether or not it is the server's own JSON.
 * @param {number} status
 * @param {string} text the body
 * @param {string|null} retryAfter the header
 * @returns {Problem}
 */
export function problemFrom(status, text, retryAfter) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch (error) {
    body = { detail: `HTTP ${status} ${error instanceof SyntaxError ? '' : error.message}` };
  }
  if (status === 401) location.assign('/login');
  const seconds = Number.parseFloat(retryAfter);
  return new Problem(status, body ?? {}, Number.isFinite(seconds) ? seconds : 2);
}

/**
 * Asks the server.
 * @param {string} path
 * @param {RequestInit & {timeoutMs?: number, asBlob?: boolean}} [options]
 * @returns {Promise<*>} the JSON, or null where there is no body; a Blob where one is wanted
 * @throws {Problem|ConnectionLost|DOMException} DOMException AbortError when the signal ended it
 */
export async function ask(path, { signal, timeoutMs = ANSWER_TIMEOUT_MS, asBlob = false,
  ...options } = {}) {
  const control = new AbortController();
  const stop = () => control.abort();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  const timer = setTimeout(stop, timeoutMs);
  try {
    const response = await fetch(path, { ...options, signal: control.signal,
      headers: { Accept: 'application/json', ...options.headers } });
    if (asBlob && response.ok) return await response.blob();
    const text = await response.text();
    noteConnection(false);
    if (!response.ok) {
      throw problemFrom(response.status, text, response.headers.get('Retry-After'));
    }
    return text ? JSON.parse(text) : null;
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error;
    if (error instanceof SyntaxError) throw new Problem(502, { detail: error.message }, 2);
    noteConnection(true);
    throw new ConnectionLost(error.message);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * Sends a form with files and waits for the work to be done.
 * @param {string} path
 * @param {FormData} form
 * @param {AbortSignal} [signal]
 * @returns {Promise<*>}
 */
export function sendForm(path, form, signal) {
  return ask(path, { method: 'POST', body: form, signal, timeoutMs: WORK_TIMEOUT_MS });
}

/**
 * Sends JSON.
 * @param {string} path
 * @param {Object} value
 * @returns {Promise<*>}
 */
export function sendJson(path, value) {
  return ask(path, { method: 'POST', body: JSON.stringify(value),
    headers: { 'Content-Type': 'application/json' } });
}

/**
 * Sends a large file with progress; fetch can not tell how much has gone.
 * @param {string} path
 * @param {FormData} form
 * @param {{signal: AbortSignal, onProgress: function(number, number)}} options bytes sent and all
 * @returns {Promise<*>}
 */
export function upload(path, form, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open('POST', path);
    call.setRequestHeader('Accept', 'application/json');
    call.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    call.onload = () => {
      noteConnection(false);
      if (call.status >= 200 && call.status < 300) resolve(call.responseText);
      else reject(problemFrom(call.status, call.responseText,
        call.getResponseHeader('Retry-After')));
    };
    call.onerror = () => {
      noteConnection(true);
      reject(new ConnectionLost('the upload broke off'));
    };
    call.onabort = () => reject(new DOMException('stopped', 'AbortError'));
    signal.addEventListener('abort', () => call.abort());
    call.send(form);
  }).then(JSON.parse);
}

/**
 * Waits, but not beyond the signal.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException('stopped', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
  });
}

/**
 * The wait before the next attempt: doubling from one second to fifteen, with some chance in it so
 * that many pages do not come back at the same moment.
 * @param {number} failures so far, from 1
 * @returns {number} ms
 */
export function backOffMs(failures) {
  return Math.min(1000 * 2 ** (failures - 1), 15000) * (0.8 + Math.random() * 0.4);
}

/**
 * Tries until the server takes it: waits while it is busy, loading or out of reach.
 * @template T
 * @param {function(): Promise<T>} attempt
 * @param {{signal?: AbortSignal, onWait?: function(string)}} [options] onWait gets the code
 * @returns {Promise<T>}
 */
export async function persist(attempt, { signal, onWait = () => {} } = {}) {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      const refused = error instanceof Problem && TRY_AGAIN.has(error.code);
      if (!refused && !(error instanceof ConnectionLost)) throw error;
      onWait(refused ? error.code : 'connection');
      const ms = refused ? Math.min(Math.max(error.retryAfterS, 0.5), 60) * 1000
        : backOffMs(failures);
      await pause(ms, signal);
    }
  }
}
