/** The wall: every camera live, over one connection. */

import { ask } from './api.js';
import { createBars } from './bars.js';
import { cameraFacts, createFailures, createPainter, createRegions, createStateBadge }
  from './camera_parts.js';
import { el, icon, setText } from './dom.js';
import { t } from './i18n.js';
import { poll } from './poll.js';
import { explain } from './problems.js';
import { app } from './store.js';
import { watchStream } from './stream.js';

const TEXT_PERIOD_MS = 1000; // nobody reads faster

function createTile(name) {
  const canvas = el('canvas', { width: '640', height: '360', 'aria-hidden': 'true' });
  const state = createStateBadge();
  const facts = el('p', { class: 'tile-facts' });
  const bars = createBars(3);
  const regions = createRegions(1);
  const failures = createFailures();
  const node = el('li', { class: 'tile', 'data-camera': name },
    el('div', { class: 'tile-picture' }, canvas,
      el('span', { class: 'tile-break' }, icon('retry'),
        el('span', { text: t('wall.reconnect') }))),
    el('div', { class: 'tile-body' },
      el('div', { class: 'tile-head' }, el('h2', {}, el('a', { class: 'tile-link',
        href: `#cameras/${encodeURIComponent(name)}`, text: name })), state.node),
      bars.node, regions.node, facts, failures.node));
  const paint = createPainter(canvas);
  return { node,
    draw(blob) {
      node.classList.remove('broken');
      paint(blob);
    },
    update(camera) {
      state.update(camera);
      bars.update(camera.top);
      bars.node.hidden = !camera.top.length; // no signal, or regions that say it themselves
      regions.update(camera.regions);
      setText(facts, camera.reason || cameraFacts(camera));
      failures.update(camera.failed);
    } };
}

function summary(cameras) {
  const good = cameras.filter((camera) => camera.state === 'ok').length;
  return t('wall.summary', { good, n: cameras.length });
}

/**
 * Shows the view.
 * @param {HTMLElement} main
 * @param {{signal: AbortSignal}} context
 */
export function mount(main, { signal }) {
  const sub = el('p', { class: 'sub' });
  main.append(el('div', { class: 'head' },
    el('h1', { tabindex: '-1', text: t('tab.cameras') }), sub));
  if (!app.info.cameras) {
    main.append(el('div', { class: 'empty' }, icon('camera'),
      el('p', { text: t('wall.none') }), el('code', { text: 'streamcls serve --config FILE' })));
    return;
  }
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const wall = el('ul', { class: 'wall', 'aria-label': t('wall.name') });
  const tiles = new Map();
  main.append(problem, wall);
  const tileOf = (name) => {
    if (!tiles.has(name)) {
      tiles.set(name, createTile(name));
      wall.append(tiles.get(name).node);
    }
    return tiles.get(name);
  };
  const refresh = async () => {
    const { cameras } = await ask('/api/v1/cameras', { signal });
    if (signal.aborted) return;
    setText(problem, '');
    setText(sub, summary(cameras));
    for (const camera of cameras) tileOf(camera.name).update(camera);
    for (const [name, tile] of tiles) {
      if (cameras.some((camera) => camera.name === name)) continue;
      tile.node.remove(); // taken out of the settings while the page was open
      tiles.delete(name);
    }
  };
  poll(refresh, { periodMs: TEXT_PERIOD_MS, signal,
    onError: (error) => setText(problem, explain(error)) });
  watchStream('/api/v1/streams?size=small', { signal,
    onPart: ({ camera, blob }) => tiles.get(camera)?.draw(blob),
    onBreak: () => tiles.forEach((tile) => tile.node.classList.add('broken')) });
}
