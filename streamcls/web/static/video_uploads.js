/** Videos on their way to the server, one after the other. Lives on when another view is shown. */

import { ask, persist, sendJson, upload } from './api.js';
import { app } from './store.js';

/**
 * @typedef {Object} Upload
 * @property {number} id
 * @property {string} file
 * @property {number} sent bytes
 * @property {number} all bytes
 * @property {"waiting"|"sending"|"failed"|"sent"} state
 * @property {string|null} pause
 * @property {Error|{code: string}|null} error
 * @property {AbortController} control
 */

/** @type {Upload[]} */
export const uploads = [];

/** Jobs that this page began: the first to be done is shown. @type {Set<string>} */
export const ours = new Set();

// Leaving the page would end an upload that may have taken long.
window.addEventListener('beforeunload', (event) => {
  if (sending) event.preventDefault();
});

let nextId = 1;
let sending = false;
let listener = () => {};

/** Who is told of changes: one view, or nobody. */
export function onUploads(next) {
  listener = next;
}

function refusal(file) {
  if (file.type && !file.type.startsWith('video/') && !file.type.startsWith('application/')) {
    return { code: 'not_a_video' };
  }
  return file.size > app.info.limits.video_bytes ? { code: 'video_too_large' } : null;
}

/**
 * Takes videos to upload.
 * @param {Iterable<File>} files
 * @param {string} fps '' for every frame
 */
export function addVideos(files, fps) {
  for (const file of files) {
    const error = refusal(file);
    uploads.unshift({ id: nextId, file: file.name, source: file, fps, sent: 0, all: file.size,
      state: error ? 'failed' : 'waiting', pause: null, error, control: new AbortController() });
    nextId += 1;
  }
  listener();
  sendNext();
}

/** Ends an upload, or takes a failed one off the list. */
export function forget(item) {
  item.control.abort();
  const place = uploads.indexOf(item);
  if (place >= 0) uploads.splice(place, 1);
  listener();
}

async function sendNext() {
  const item = uploads.findLast((other) => other.state === 'waiting');
  if (!item || sending) return;
  sending = true;
  item.state = 'sending';
  try {
    const job = await persist(() => sendOnce(item), { signal: item.control.signal,
      onWait: (code) => {
        item.pause = code;
        item.sent = 0;
        listener();
      } });
    ours.add(job.id);
    item.state = 'sent';
    forget(item);
  } catch (error) {
    if (!item.control.signal.aborted) Object.assign(item, { state: 'failed', error });
  }
  sending = false;
  listener();
  sendNext();
}

function sendOnce(item) {
  const form = new FormData();
  // The small field comes first, so that a server that reads as it comes knows it in time.
  if (item.fps) form.append('fps', item.fps);
  form.append('file', item.source, item.file);
  return upload('/api/v1/jobs', form, { signal: item.control.signal,
    onProgress: (sent, all) => {
      Object.assign(item, { sent, all, pause: null });
      listener();
    } });
}

/**
 * Begins a job with a file of the server's folder.
 * @param {string} path
 * @param {string} fps '' for every frame
 * @returns {Promise<Object>} the job
 */
export async function startPath(path, fps) {
  const job = await sendJson('/api/v1/jobs', fps ? { path, fps: Number(fps) } : { path });
  ours.add(job.id);
  return job;
}

/**
 * Deletes a job and its files; a running one is ended.
 * @param {string} id
 */
export function deleteJob(id) {
  return ask(`/api/v1/jobs/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
