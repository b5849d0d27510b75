/** The view for whoever runs the service: model, throughput, ledger, memory, log. */

import { ask } from './api.js';
import { createStateBadge } from './camera_parts.js';
import { el, icon, setText } from './dom.js';
import { number, span, t } from './i18n.js';
import { poll } from './poll.js';
import { explain } from './problems.js';

const PERIOD_MS = 2000;

function ms(value) {
  return value === null || value === undefined ? '–' : t('status.ms', { n: number(value, 1) });
}

function sum(value) {
  return typeof value === 'number' ? value
    : Object.values(value ?? {}).reduce((all, part) => all + part, 0);
}

/** Named numbers whose values change in place. */
function createFacts(title, names) {
  const values = Object.fromEntries(names.map((name) => [name, el('dd')]));
  const node = el('section', { class: 'card facts' }, el('h2', { text: title }),
    el('dl', {}, names.map((name) => el('div', {}, el('dt', { text: t(`status.${name}`) }),
      values[name]))));
  return { node,
    update(next) {
      for (const [name, value] of Object.entries(next)) setText(values[name], value);
    } };
}

const REASONS_APART = new Set(['dropped', 'rejected']);

function ledgerCell(name, value) {
  const detail = REASONS_APART.has(name) && typeof value === 'object'
    ? Object.entries(value).filter(([, count]) => count)
      .map(([reason, count]) => `${reason} ${number(count)}`).join(', ') : '';
  return el('td', { class: 'num' }, el('span', { text: number(sum(value)) }),
    detail ? el('small', { text: detail }) : null);
}

const LEDGER = ['read', 'classified', 'not_sampled', 'dropped', 'rejected', 'in_flight'];

/** How many of the frames that were read are not accounted for. */
function missing(ledger) {
  return sum(ledger.read) - LEDGER.slice(1).reduce((all, name) => all + sum(ledger[name]), 0);
}

function outputNodes(outputs) {
  return Object.entries(outputs).map(([name, output]) => (output.failure
    ? el('div', { class: 'card-problem' }, icon('alert'),
      el('span', { text: t('status.output_failure', { name, text: output.failure }) }))
    : el('div', { text: t('status.output', { name, written: output.written,
      dropped: output.dropped }) })));
}

function ages({ age_p50_ms: median, age_p99_ms: late }) {
  return median === null ? '–' : t('status.ms', { n: `${number(median)} / ${number(late)}` });
}

function cameraRow(camera) {
  const state = createStateBadge();
  state.update({ state: camera.state, reason: '' });
  const off = missing(camera.ledger);
  const balanced = off === 0;
  return el('tr', {},
    el('th', { scope: 'row' }, el('a', { href: `#cameras/${encodeURIComponent(camera.name)}`,
      text: camera.name })),
    el('td', {}, state.node),
    el('td', { class: 'num', text: number(camera.fps, 1) }),
    el('td', { class: 'num', text: number(camera.labels_fps, 1) }),
    el('td', { class: 'num', text: ages(camera) }),
    el('td', {}, el('span', { class: balanced ? 'mark good' : 'mark bad' },
      icon(balanced ? 'check' : 'alert'),
      el('span', { text: balanced ? t('status.balances') : t('status.unbalanced', { n: off }) }))),
    LEDGER.map((name) => ledgerCell(name, camera.ledger[name])),
    el('td', { class: 'outputs' }, outputNodes(camera.outputs)));
}

function createCameraTable() {
  const body = el('tbody');
  const heads = ['camera', 'state', 'fps', 'labels_fps', 'age', 'balance', ...LEDGER, 'outputs'];
  const scroller = el('div', { class: 'scroller', tabindex: '0', role: 'region',
    'aria-label': t('status.cameras') },
  el('table', {}, el('thead', {}, el('tr', {}, heads.map((name) => el('th', { scope: 'col',
    class: ['camera', 'state', 'balance', 'outputs'].includes(name) ? '' : 'num',
    text: t(`status.${name}`) })))), body));
  const node = el('section', { class: 'card wide', hidden: true },
    el('h2', { text: t('status.cameras') }), scroller);
  let drawn = '';
  return { node,
    update(cameras) {
      node.hidden = !cameras.length;
      const key = JSON.stringify(cameras);
      // While a link in it has the focus the table stands still.
      if (key === drawn || body.contains(document.activeElement)) return;
      drawn = key;
      body.replaceChildren(...cameras.map(cameraRow));
    } };
}

function createLog() {
  const lines = el('ol', { class: 'log-lines' });
  const box = el('div', { class: 'log', tabindex: '0', role: 'region',
    'aria-label': t('status.log') }, lines);
  const node = el('section', { class: 'card wide' }, el('h2', { text: t('status.log') }), box);
  let drawn = '';
  return { node,
    update(log) {
      const key = log.join('\n');
      if (key === drawn) return;
      drawn = key;
      const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
      const nodes = log.map((text) => el('li', { text,
        class: /\b(ERROR|CRITICAL)\b/.test(text) ? 'error'
          : /\bWARNING\b/.test(text) ? 'warning' : '' }));
      lines.replaceChildren(...(nodes.length ? nodes
        : [el('li', { text: t('status.log_empty') })]));
      if (atEnd) box.scrollTop = box.scrollHeight; // follow, unless somebody reads further up
    } };
}

function modelFacts(model) {
  return { name: model?.name ?? t('status.model_loading'), arch: model?.arch ?? '–',
    backend: model?.backend ?? '–', classes: number(model?.classes),
    input_size: model ? `${model.input_size} × ${model.input_size}` : '–' };
}

function draw(parts, status) {
  parts.model.update(modelFacts(status.model));
  parts.pictures.update({ classified: number(status.pictures.classified),
    per_s: number(status.pictures.per_s, 1), refused: number(status.pictures.refused),
    p50: ms(status.pictures.p50_ms), p99: ms(status.pictures.p99_ms) });
  parts.process.update({ version: status.version, uptime: span(status.uptime_s),
    memory: t('status.mb', { n: number(status.memory_mb) }),
    peak_memory: t('status.mb', { n: number(status.peak_memory_mb) }),
    cpus: number(status.cpus) });
  parts.work.update({ working: number(status.queue.working), room: number(status.queue.room),
    jobs_running: number(status.jobs.running), jobs_waiting: number(status.jobs.waiting),
    jobs_ended: t('status.jobs_counts', { done: status.jobs.done, failed: status.jobs.failed }),
    viewers: number(status.viewers) });
  parts.cameras.update(status.cameras);
  parts.log.update(status.log);
}

/**
 * Shows the view.
 * @param {HTMLElement} main
 * @param {{signal: AbortSignal}} context
 */
export function mount(main, { signal }) {
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const parts = {
    model: createFacts(t('status.model'), ['name', 'arch', 'backend', 'classes', 'input_size']),
    pictures: createFacts(t('status.pictures'), ['classified', 'per_s', 'refused', 'p50', 'p99']),
    work: createFacts(t('status.work'), ['working', 'room', 'jobs_running', 'jobs_waiting',
      'jobs_ended', 'viewers']),
    process: createFacts(t('status.process'), ['version', 'uptime', 'memory', 'peak_memory',
      'cpus']),
    cameras: createCameraTable(),
    log: createLog(),
  };
  main.append(el('div', { class: 'head' }, el('h1', { tabindex: '-1', text: t('tab.status') })),
    problem, el('div', { class: 'status-grid' },
      Object.values(parts).map((part) => part.node)));
  poll(async () => {
    const status = await ask('/api/v1/status', { signal });
    if (signal.aborted) return;
    setText(problem, '');
    draw(parts, status);
  }, { periodMs: PERIOD_MS, signal, onError: (error) => setText(problem, explain(error)) });
}
