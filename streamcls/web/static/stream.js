/**
 * The pictures of many cameras over one connection: browsers allow six to a server, and a wall
 * has more cameras than that. Reads multipart/x-mixed-replace with fetch.
 */

import { backOffMs, noteConnection, pause, problemFrom } from './api.js';

const SILENCE_MS = 30000; // "no signal" pictures come now and then: longer silence is a dead line
const HEADER_LIMIT = 8192;
const PART_LIMIT = 20e6;
const LINE_END = [13, 10];
const BLANK_LINE = [13, 10, 13, 10];

function find(bytes, pattern, from) {
  for (let at = from; at <= bytes.length - pattern.length; at += 1) {
    if (pattern.every((byte, place) => bytes[at + place] === byte)) return at;
  }
  return -1;
}

function headersOf(text) {
  const headers = {};
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

/**
 * Takes bytes as they come and gives whole parts.
 * @param {function({camera: string, blob: Blob})} onPart
 * @returns {function(Uint8Array)} throws where the bytes are no such stream
 */
export function createParser(onPart) {
  let held = new Uint8Array(0);
  let part = null; // the part whose body is awaited: {camera, type, length}
  const readHeader = () => {
    let start = 0;
    while (find(held.subarray(start, start + 2), LINE_END, 0) === 0) start += 2;
    const end = find(held, BLANK_LINE, start);
    if (end < 0) {
      if (held.length > HEADER_LIMIT) throw new Error('a part of the stream has no header');
      return false;
    }
    const headers = headersOf(new TextDecoder().decode(held.subarray(start, end)));
    const length = Number(headers['content-length']);
    if (!(length >= 0 && length <= PART_LIMIT)) throw new Error('a part has no length');
    part = { camera: decodeURIComponent(headers['x-camera'] ?? ''), length,
      type: headers['content-type'] ?? 'image/jpeg' };
    held = held.subarray(end + BLANK_LINE.length);
    return true;
  };
  const readBody = () => {
    if (held.length < part.length) return false;
    const blob = new Blob([held.subarray(0, part.length)], { type: part.type });
    onPart({ camera: part.camera, blob });
    held = held.subarray(part.length);
    part = null;
    return true;
  };
  return (bytes) => {
    const joined = new Uint8Array(held.length + bytes.length);
    joined.set(held);
    joined.set(bytes, held.length);
    held = joined;
    while (held.length && (part ? readBody() : readHeader()));
  };
}

/** Reads one connection until it ends, fails or falls silent. */
async function readOnce(path, { onPart, onOpen, signal }) {
  const control = new AbortController();
  const stop = () => control.abort();
  signal.addEventListener('abort', stop, { once: true });
  let watchdog = setTimeout(stop, SILENCE_MS);
  try {
    const response = await fetch(path, { signal: control.signal });
    noteConnection(false);
    if (!response.ok) {
      throw problemFrom(response.status, await response.text(),
        response.headers.get('Retry-After'));
    }
    onOpen();
    const parse = createParser(onPart);
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, SILENCE_MS);
      parse(value);
    }
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener('abort', stop);
    control.abort(); // leaves no half-read connection behind
  }
}

/**
 * Reads the stream until the signal ends; comes back by itself when it breaks off.
 * @param {string} path
 * @param {{onPart: function({camera: string, blob: Blob}), onBreak: function(),
 *   signal: AbortSignal}} options
 */
async function keepReading(path, { onPart, onBreak, signal }) {
  let failures = 0;
  while (!signal.aborted) {
    const began = performance.now();
    try {
      await readOnce(path, { onPart, signal, onOpen: () => { failures = 0; } });
    } catch (error) {
      if (signal.aborted) return;
      // Whether the server is away is for the questions to say; the stream only tries again.
      console.info('the stream broke off:', error.message);
    }
    if (signal.aborted) return;
    onBreak();
    failures = performance.now() - began > 10000 ? 1 : failures + 1;
    try {
      await pause(backOffMs(failures), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/**
 * Reads the stream while the page can be seen.
 * @param {string} path
 * @param {{onPart: Function, onBreak: function(), signal: AbortSignal}} options
 */
export function watchStream(path, { onPart, onBreak, signal }) {
  let running = null;
  const look = () => {
    if (document.hidden || signal.aborted) {
      running?.abort();
      running = null;
    } else if (!running) {
      running = new AbortController();
      keepReading(path, { onPart, onBreak, signal: running.signal });
    }
  };
  document.addEventListener('visibilitychange', look, { signal });
  signal.addEventListener('abort', look);
  look();
}
