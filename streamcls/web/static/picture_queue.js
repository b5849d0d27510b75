/**
 * The pictures and their way to the server: a few in each request, two requests at a time, so that
 * the progress is real and one refusal costs little. Lives on when another view is shown.
 */

import { persist, Problem, sendForm } from './api.js';
import { app } from './store.js';

const FILES_PER_REQUEST = 4;
const REQUESTS_AT_A_TIME = 2;
const ZIP_TYPES = new Set(['application/zip', 'application/x-zip-compressed']);

/**
 * @typedef {Object} Item
 * @property {number} id
 * @property {string} file its name
 * @property {File|null} source null for a picture out of a ZIP
 * @property {boolean} isZip
 * @property {"waiting"|"sending"|"done"|"failed"|"unpacked"} state
 * @property {string|null} pause why it waits: a code of the server's, or "connection"
 * @property {{label: string, class_id: number|null, prob: number}[]} top
 * @property {string|null} error
 * @property {string|null} code
 * @property {string|null} url for the thumbnail
 * @property {number} batch
 * @property {File|null} zip the ZIP it came out of, and its `path` there
 * @property {number} count of the pictures in an unpacked ZIP
 */

/** @type {Item[]} in the order in which they came */
export const items = [];

let nextId = 1;
let nextBatch = 1;
let waiting = [];
let running = 0;
let control = new AbortController();
let listener = () => {};

/**
 * Who is told of changes: one view, or nobody.
 * @param {function({added?: Item[], changed?: Item, cleared?: boolean})} next
 */
export function onChange(next) {
  listener = next;
}

function isZip(file) {
  return ZIP_TYPES.has(file.type) || /\.zip$/i.test(file.name);
}

/** What the page can tell by itself, so that nothing is sent in vain. */
function refusal(file, zip) {
  if (file.type.startsWith('video/')) return 'is_video';
  if (!zip && file.type && !file.type.startsWith('image/')) return 'not_a_picture';
  const limits = app.info.limits;
  if (file.size > (zip ? limits.request_bytes : limits.image_bytes)) return 'too_large';
  return file.size === 0 ? 'broken' : null;
}

function newItem(values) {
  const item = { id: nextId, source: null, isZip: false, zip: null, path: '', count: 0,
    state: 'waiting', pause: null, top: [], error: null, code: null, url: null, ...values };
  nextId += 1;
  return item;
}

function itemOf(file, batch) {
  const zip = isZip(file);
  const code = refusal(file, zip);
  return newItem({ file: file.webkitRelativePath || file.name, source: file, isZip: zip, batch,
    state: code ? 'failed' : 'waiting', code, error: code ? code.replaceAll('_', ' ') : null,
    url: file.type.startsWith('image/') ? URL.createObjectURL(file) : null });
}

/**
 * Takes files and sends them as soon as there is room.
 * @param {Iterable<File>} files
 */
export function addFiles(files) {
  const added = [...files].map((file) => itemOf(file, nextBatch));
  if (!added.length) return;
  nextBatch += 1;
  items.push(...added);
  waiting.push(...added.filter((item) => item.state === 'waiting'));
  listener({ added });
  work();
}

/** Tries a failed one again. */
export function retry(item) {
  Object.assign(item, { state: 'waiting', error: null, code: null });
  waiting.push(item);
  listener({ changed: item });
  work();
}

/** Forgets everything, and stops what is under way. */
export function clear() {
  control.abort();
  control = new AbortController();
  waiting = [];
  running = 0;
  for (const item of items) if (item.url) URL.revokeObjectURL(item.url);
  items.length = 0;
  listener({ cleared: true });
}

/**
 * How far it is.
 * @returns {{all: number, ended: number, failed: number, pause: string|null}}
 */
export function progress() {
  const counted = items.filter((item) => item.state !== 'unpacked');
  const open = counted.filter((item) => ['waiting', 'sending'].includes(item.state));
  return { all: counted.length, ended: counted.length - open.length,
    failed: counted.filter((item) => item.state === 'failed').length,
    pause: open.find((item) => item.pause)?.pause ?? null };
}

function nextRequest() {
  if (waiting[0].isZip) return waiting.splice(0, 1);
  const batch = [];
  let bytes = 0;
  while (waiting.length && batch.length < FILES_PER_REQUEST && !waiting[0].isZip) {
    bytes += waiting[0].source.size;
    if (batch.length && bytes > app.info.limits.request_bytes * 0.9) break;
    batch.push(waiting.shift());
  }
  return batch;
}

function work() {
  while (waiting.length && running < REQUESTS_AT_A_TIME) {
    running += 1;
    const { signal } = control;
    send(nextRequest(), signal).finally(() => {
      if (signal.aborted) return; // cleared meanwhile: the count began anew
      running -= 1;
      work();
    });
  }
}

function change(item, values) {
  Object.assign(item, values);
  listener({ changed: item });
}

async function send(batch, signal) {
  for (const item of batch) change(item, { state: 'sending', pause: null });
  const attempt = () => {
    const form = new FormData();
    form.append('top_k', '3');
    for (const item of batch) form.append('files', item.source, item.file);
    return sendForm('/api/v1/classify', form, signal);
  };
  const onWait = (code) => {
    for (const item of batch) change(item, { pause: code });
  };
  try {
    const answer = await persist(attempt, { signal, onWait });
    if (!signal.aborted) settle(batch, answer.results);
  } catch (error) {
    if (!signal.aborted) await fail(batch, error, signal);
  }
}

async function fail(batch, error, signal) {
  const results = error instanceof Problem ? error.body.results : null;
  if (results?.length && (batch[0].isZip || results.length === batch.length)) {
    settle(batch, results);
  } else if (batch.length > 1 && error instanceof Problem && error.status < 500) {
    // The refusal does not say whose fault it is: ask for each.
    for (const item of batch) await send([item], signal);
  } else {
    for (const item of batch) {
      change(item, { state: 'failed', pause: null, code: error.code ?? 'internal',
        error: error.message });
    }
  }
}

function outcome({ top, error, code }) {
  return { state: error ? 'failed' : 'done', pause: null, top: top ?? [], error: error ?? null,
    code: code ?? null };
}

function settle(batch, results) {
  if (batch[0].isZip) {
    unpack(batch[0], results);
    return;
  }
  batch.forEach((item, place) => change(item, results[place] ? outcome(results[place])
    : { state: 'failed', pause: null, code: 'internal', error: 'no result' }));
}

/** A ZIP's place is taken by the pictures in it. */
function unpack(zip, results) {
  if (results.length === 1 && results[0].error && results[0].file === zip.file) {
    change(zip, outcome(results[0])); // the archive itself is what is wrong
    return;
  }
  const inside = results.map((result) => newItem({ file: result.file, batch: zip.batch,
    zip: zip.source, path: result.file.slice(zip.file.length + 1), ...outcome(result) }));
  items.splice(items.indexOf(zip) + 1, 0, ...inside);
  change(zip, { state: 'unpacked', pause: null, count: inside.length });
  listener({ added: inside, after: zip });
}
