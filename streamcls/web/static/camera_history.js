/** A camera's last hour: a strip with a lane for each region, and events with their pictures. */

import { ask } from './api.js';
import { button, downloadLink, el, icon, setText } from './dom.js';
import { clock, percent, t } from './i18n.js';
import { poll } from './poll.js';
import { explain } from './problems.js';
import { paint, segmentName, showMoment, Timeline } from './timeline.js';

const PERIOD_MS = 10000;
const AFTER_EVENT_MS = 700; // the snapshot is written a moment after the event
const EVENTS_SHOWN = 24; // the strip has all of them

const seconds = (utc) => Date.parse(utc) / 1000;
const timeOf = (time) => clock(time * 1000);

function readSegments({ segments, now_utc: now }) {
  return segments.filter((segment) => segment.kind === 'label' || segment.label !== 'ok')
    .map((segment) => ({ ...segment, start: seconds(segment.start_utc), open: !segment.end_utc,
      end: seconds(segment.end_utc ?? now) }));
}

function lanesOf(segments) {
  const regions = [...new Set(segments.map((segment) => segment.region))]
    .sort((a, b) => (a ?? '').localeCompare(b ?? ''));
  const named = regions.some((region) => region !== null);
  return regions.map((region) => ({ name: named ? region ?? t('history.whole') : '',
    segments: segments.filter((segment) => segment.region === region) }));
}

function showPicture(segment) {
  const close = button('', () => dialog.close(), { icon: 'close', kind: 'quiet square',
    label: t('close') });
  const title = `${segmentName(segment)} · ${timeOf(segment.start)}`;
  const dialog = el('dialog', { class: 'dialog picture-dialog',
    'aria-labelledby': 'picture-title' },
    el('div', { class: 'dialog-head' }, el('h2', { id: 'picture-title', text: title }),
      el('div', { class: 'row' },
        downloadLink(t('history.download'), segment.snapshot, ''), close)),
    el('img', { src: segment.snapshot, alt: t('history.picture', { title }) }));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function eventRow(segment, onSeek) {
  const swatch = el('span', { class: 'swatch', 'aria-hidden': 'true' });
  paint(swatch, segment);
  const span = `${timeOf(segment.start)} – ${segment.open ? t('history.now')
    : timeOf(segment.end)}`;
  const note = segment.kind === 'state' ? segment.reason
    : t('history.probs', { mean: percent(segment.mean_prob), peak: percent(segment.peak_prob) });
  const words = el('button', { type: 'button', class: 'event-words',
    onclick: () => onSeek(segment.start) }, swatch,
  el('span', { class: 'event-name', text: segmentName(segment), title: segment.label }),
  el('span', { class: 'event-time',
    text: [segment.region, span].filter(Boolean).join(' · ') }),
  note ? el('span', { class: 'event-note', text: note }) : null);
  const none = el('span', { class: 'event-picture none' },
    icon(segment.kind === 'state' ? 'alert' : 'picture'));
  const picture = segment.snapshot ? el('button', { type: 'button', class: 'event-picture',
    'aria-label': t('history.open', { name: segmentName(segment), time: timeOf(segment.start) }),
    onclick: () => showPicture(segment) },
  el('img', { src: segment.snapshot, alt: '', loading: 'lazy',
    onerror: () => picture.replaceWith(none) })) // the server keeps the latest ones only
    : none;
  return el('li', { class: 'event' }, picture, words);
}

/** Which label has which colour, for the widest ones. */
function drawLegend(node, segments) {
  const totals = new Map();
  for (const segment of segments) {
    const key = `${segment.kind} ${segment.label}`;
    const entry = totals.get(key) ?? { segment, length: 0 };
    entry.length += segment.end - segment.start;
    totals.set(key, entry);
  }
  const widest = [...totals.values()].sort((a, b) => b.length - a.length).slice(0, 8);
  node.replaceChildren(...widest.map(({ segment }) => {
    const swatch = el('span', { class: 'swatch', 'aria-hidden': 'true' });
    paint(swatch, segment);
    return el('li', {}, swatch, el('span', { text: segmentName(segment) }));
  }));
}

/** Keeps the rows that are unchanged, so that focus and pictures stay. */
function createEventList(onSeek) {
  const node = el('ol', { class: 'events', 'aria-label': t('history.events') });
  const rows = new Map();
  const update = (segments) => {
    const newest = segments.toSorted((a, b) => b.start - a.start).slice(0, EVENTS_SHOWN);
    const keys = newest.map((segment) => [segment.kind, segment.region, segment.label,
      segment.start_utc, segment.end_utc, segment.snapshot].join('|'));
    for (const [key, row] of rows) {
      if (keys.includes(key)) continue;
      row.remove();
      rows.delete(key);
    }
    keys.forEach((key, place) => {
      if (!rows.has(key)) rows.set(key, eventRow(newest[place], onSeek));
      if (node.children[place] !== rows.get(key)) {
        node.insertBefore(rows.get(key), node.children[place]);
      }
    });
  };
  return { node, update };
}

/** Events tell when to look again; the poll is there for the case that they do not arrive. */
function onEvents(name, act, signal) {
  let source = null;
  let timer = null;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(act, AFTER_EVENT_MS);
  };
  const look = () => {
    source?.close();
    source = null;
    clearTimeout(timer);
    if (document.hidden || signal.aborted) return;
    source = new EventSource(`/api/v1/events?camera=${encodeURIComponent(name)}`);
    for (const kind of ['start', 'end', 'state']) source.addEventListener(kind, soon);
  };
  document.addEventListener('visibilitychange', look, { signal });
  signal.addEventListener('abort', look);
  look();
}

/**
 * Makes the section with the last hour.
 * @param {string} name
 * @param {string} path the camera's
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function createHistory(name, path, signal) {
  const moment = el('p', { class: 'moment', text: t('history.hint') });
  const legend = el('ul', { class: 'legend', 'aria-label': t('history.legend') });
  const problem = el('p', { class: 'form-problem' });
  const empty = el('p', { class: 'empty', text: t('history.none'), hidden: true });
  const seek = (time) => {
    timeline.setNow(time);
    timeline.say();
    showMoment(moment, timeline, time);
  };
  const timeline = new Timeline({ label: t('history.timeline'), stepS: 10, format: timeOf,
    formatTick: (time) => clock(time * 1000, false),
    onSeek: (time) => showMoment(moment, timeline, time) });
  const events = createEventList((time) => {
    seek(time);
    timeline.node.scrollIntoView({ block: 'nearest' });
  });
  const refresh = async () => {
    const answer = await ask(`${path}/timeline`, { signal });
    if (signal.aborted) return;
    const segments = readSegments(answer);
    const end = seconds(answer.now_utc);
    setText(problem, '');
    timeline.setData(lanesOf(segments), { start: end - answer.hours * 3600, end });
    drawLegend(legend, segments);
    events.update(segments);
    empty.hidden = segments.length > 0;
  };
  const onError = (error) => setText(problem, explain(error));
  poll(refresh, { periodMs: PERIOD_MS, signal, onError });
  onEvents(name, () => refresh().catch((error) => {
    if (!signal.aborted) onError(error);
  }), signal);
  return el('section', { class: 'card history', 'aria-labelledby': 'history-title' },
    el('h2', { id: 'history-title', text: t('history.title') }), timeline.node, moment, legend,
    el('h3', { text: t('history.events') }), problem, empty, events.node);
}
