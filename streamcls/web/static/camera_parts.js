/** What the wall and the single view of a camera have in common. */

import { createBars } from './bars.js';
import { el, icon, setText } from './dom.js';
import { number, t } from './i18n.js';

const STATE_ICONS = { ok: 'check', connecting: 'retry', late: 'clock', stale: 'clock',
  stopped: 'stop' };
const QUIET_STATES = new Set(['connecting', 'stopped']);

/**
 * A state in colour, drawing and words.
 * @returns {{node: HTMLElement, update: function({state: string, reason: string})}}
 */
export function createStateBadge() {
  const node = el('span', { class: 'badge' });
  const update = ({ state, reason }) => {
    node.title = reason;
    if (node.dataset.state === state) return;
    node.dataset.state = state;
    node.dataset.tone = state === 'ok' ? 'good' : QUIET_STATES.has(state) ? 'quiet' : 'bad';
    node.replaceChildren(icon(STATE_ICONS[state] ?? 'alert'),
      el('span', { text: t(`state.${state}`) }));
  };
  return { node, update };
}

/**
 * Frames a second, labels a second and age in one line.
 * @param {Object} camera
 * @returns {string}
 */
export function cameraFacts(camera) {
  return [t('camera.fps', { n: number(camera.fps, 1) }),
    t('camera.labels_fps', { n: number(camera.labels_fps, 1) }),
    camera.age_ms === null ? null : t('camera.age', { n: number(camera.age_ms) })]
    .filter(Boolean).join(' · ');
}

/**
 * The likeliest labels of each region.
 * @param {number} rows how many of each
 * @returns {{node: HTMLElement, update: function(Object[])}}
 */
export function createRegions(rows) {
  const node = el('dl', { class: 'regions' });
  const shown = new Map();
  const update = (regions) => {
    node.hidden = !regions.length;
    if (regions.some(({ name }) => !shown.has(name)) || regions.length !== shown.size) {
      shown.clear();
      regions.forEach(({ name }) => shown.set(name, createBars(rows)));
      node.replaceChildren(...regions.flatMap(({ name }) => [el('dt', { text: name }),
        el('dd', {}, shown.get(name).node)]));
    }
    regions.forEach(({ name, top }) => shown.get(name).update(top));
  };
  return { node, update };
}

/**
 * Draws pictures onto a canvas, the newest alone when they come faster than they can be decoded.
 * @param {HTMLCanvasElement} canvas
 * @returns {function(Blob)}
 */
export function createPainter(canvas) {
  let next = null;
  let busy = false;
  const context = canvas.getContext('2d');
  const paint = async () => {
    busy = true;
    while (next) {
      const blob = next;
      next = null;
      try {
        const bitmap = await createImageBitmap(blob);
        if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
        if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
        context.drawImage(bitmap, 0, 0);
        bitmap.close();
      } catch (error) {
        console.warn('a picture can not be shown:', error.message);
      }
    }
    busy = false;
  };
  return (blob) => {
    next = blob;
    if (!busy) paint();
  };
}

/**
 * The list of outputs that fail, or nothing.
 * @returns {{node: HTMLElement, update: function(string[])}}
 */
export function createFailures() {
  const text = el('span');
  const node = el('p', { class: 'card-problem', hidden: true }, icon('alert'), text);
  const update = (failed) => {
    node.hidden = !failed.length;
    setText(text, failed.length ? t('camera.failed', { names: failed.join(', ') }) : '');
  };
  return { node, update };
}
