/** One camera, large: its live picture, its last hour, its events. */

import { announce } from './announce.js';
import { ask, Problem } from './api.js';
import { createBars } from './bars.js';
import { createHistory } from './camera_history.js';
import { cameraFacts, createFailures, createRegions, createStateBadge } from './camera_parts.js';
import { button, el, icon, saveBlob, setText } from './dom.js';
import { createLivePicture } from './live_picture.js';
import { t } from './i18n.js';
import { poll } from './poll.js';
import { explain } from './problems.js';

const TEXT_PERIOD_MS = 300; // beside a moving picture older labels look wrong

/** The picture as it is now, as a file. */
async function saveSnapshot(name, path) {
  const blob = await ask(`${path}/frame?size=large`, { asBlob: true });
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  saveBlob(blob, `${name}-${stamp}.jpg`);
  announce(t('camera.saved'));
}

/** Start, stop and snapshot; `say` shows what went wrong. */
function createActs(name, path, { say, onChanged }) {
  const save = () => saveSnapshot(name, path);
  const act = (task) => async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    try {
      await task();
      say('');
    } catch (error) {
      const noPicture = task === save && error instanceof Problem
        && [404, 503].includes(error.status);
      say(noPicture ? t('camera.no_frame') : explain(error));
    }
    pressed.disabled = false;
  };
  const send = (verb) => act(async () => {
    onChanged(await ask(`${path}/${verb}`, { method: 'POST' }));
    announce(t(`camera.said_${verb}`, { name }));
    (verb === 'stop' ? start : stop).focus();
  });
  const start = button(t('camera.start'), send('start'), { icon: 'play', hidden: true });
  const stop = button(t('camera.stop'), send('stop'), { icon: 'stop', hidden: true });
  const snapshot = button(t('camera.snapshot'), act(save), { icon: 'photo' });
  return { node: el('div', { class: 'row' }, snapshot, stop, start),
    update({ running }) {
      start.hidden = running;
      stop.hidden = !running;
    } };
}

function createPanel(acts) {
  const state = createStateBadge();
  const reason = el('p', { class: 'hint' });
  const bars = createBars(3);
  const regions = createRegions(3);
  const facts = el('p', { class: 'tile-facts' });
  const source = el('p', { class: 'source' });
  const failures = createFailures();
  const node = el('div', { class: 'card camera-panel' }, el('div', { class: 'row' }, state.node),
    reason, bars.node, regions.node, facts, source, failures.node, acts.node);
  return { node,
    update(camera) {
      state.update(camera);
      setText(reason, camera.reason);
      reason.hidden = !camera.reason;
      bars.update(camera.top);
      bars.node.hidden = !camera.top.length; // no signal, or regions that say it themselves
      regions.update(camera.regions);
      setText(facts, [cameraFacts(camera), camera.dropped
        ? t('camera.dropped', { n: camera.dropped }) : null].filter(Boolean).join(' · '));
      setText(source, camera.source);
      failures.update(camera.failed);
      acts.update(camera);
    } };
}

/**
 * Shows the view.
 * @param {HTMLElement} main
 * @param {{name: string, signal: AbortSignal}} context
 */
export function mount(main, { name, signal }) {
  const path = `/api/v1/cameras/${encodeURIComponent(name)}`;
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const say = (text) => setText(problem, text);
  const live = createLivePicture(`${path}/stream?size=large`, t('camera.live', { name }), signal);
  const acts = createActs(name, path, { say, onChanged: (camera) => {
    panel.update(camera);
    live.restart();
  } });
  const panel = createPanel(acts);
  const history = createHistory(name, path, signal);
  main.append(el('a', { class: 'back', href: '#cameras' }, icon('back'),
    el('span', { text: t('camera.all') })),
  el('div', { class: 'head' }, el('h1', { tabindex: '-1', text: name })), problem,
  el('div', { class: 'camera-large' }, live.node, panel.node), history);
  let failed = false;
  poll(async () => {
    const camera = await ask(path, { signal });
    if (signal.aborted) return;
    if (failed) {
      say('');
      live.restart();
    }
    failed = false;
    panel.update(camera);
  }, { periodMs: TEXT_PERIOD_MS, signal, onError: (error) => {
    failed = true;
    say(error.code === 'not_found' ? t('camera.gone', { name }) : explain(error));
  } });
}
