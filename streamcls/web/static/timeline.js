/**
 * A strip of segments over time, for a recording or for a camera's last hour. To the keyboard and
 * to screen readers it is a slider: arrows move by a step, Page Up and Page Down from one segment
 * to the next.
 */

import { el, setText } from './dom.js';
import { labelName, percent, t } from './i18n.js';

const TICK_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const TICK_ROOM_PX = 84;

/**
 * @typedef {Object} Segment
 * @property {"label"|"state"} kind
 * @property {string} label
 * @property {number|null} class_id
 * @property {number} start seconds
 * @property {number} end seconds
 * @property {number|null} mean_prob
 */

/**
 * A colour for a label: always the same one, whatever else is shown.
 * @param {string} label
 * @returns {{hue: number, tone: number}} hue in degrees, tone 0 to 2
 */
export function colourOf(label) {
  let hash = 2166136261; // FNV-1a
  for (const letter of label) {
    hash = Math.imul(hash ^ letter.codePointAt(0), 16777619) >>> 0;
  }
  // Neighbouring hues look the same: 24 steps, in three tones.
  return { hue: (hash % 24) * 15, tone: Math.floor(hash / 24) % 3 };
}

/**
 * What a segment says, in the page's language.
 * @param {Segment} segment
 * @returns {string}
 */
export function segmentName(segment) {
  return segment.kind === 'state' ? t(`state.${segment.label}`) : labelName(segment);
}

/**
 * Gives an element its label's colour, or the hatching of a state.
 * @param {HTMLElement} node
 * @param {Segment} segment
 */
export function paint(node, segment) {
  node.classList.toggle('hatched', segment.kind === 'state');
  if (segment.kind === 'state') return;
  const { hue, tone } = colourOf(segment.label);
  node.style.setProperty('--hue', hue);
  node.style.setProperty('--tone', tone);
}

function tickStep(lengthS, widthPx) {
  const wanted = lengthS / Math.max(1, Math.floor(widthPx / TICK_ROOM_PX));
  return TICK_STEPS_S.find((step) => step >= wanted) ?? Math.ceil(wanted / 3600) * 3600;
}

function segmentNode(segment, { start, length, format }) {
  const name = segmentName(segment);
  const node = el('div', { class: 'seg' }, el('span', { text: name }));
  const from = Math.max(segment.start, start);
  node.style.left = `${((from - start) / length) * 100}%`;
  node.style.width = `${(Math.max(segment.end - from, 0) / length) * 100}%`;
  const share = segment.mean_prob === null || segment.kind === 'state'
    ? '' : ` · ${percent(segment.mean_prob)}`;
  const english = segment.kind === 'label' && name !== segment.label ? ` (${segment.label})` : '';
  node.title = `${name}${english}${share}\n${format(segment.start)} – ${format(segment.end)}`;
  paint(node, segment);
  return node;
}

/** The strip, its scale and the mark of the present moment. */
export class Timeline {
  /**
   * @param {{label: string, format: function(number): string, stepS: number,
   *   formatTick?: function(number): string, onSeek: function(number)}} options `label` is its
   *   name, `format` writes a time, `formatTick` one on the scale
   */
  constructor({ label, format, formatTick = format, stepS, onSeek }) {
    Object.assign(this, { format, formatTick, onSeek, lanes: [], start: 0, length: 1, now: null });
    this.strip = el('div', { class: 'lanes' });
    this.ticks = el('div', { class: 'ticks' });
    this.mark = el('div', { class: 'playhead', hidden: true });
    this.node = el('div', { class: 'timeline', role: 'slider', tabindex: '0',
      'aria-label': label }, el('div', { class: 'track' }, this.strip, this.mark), this.ticks);
    new ResizeObserver(() => this.drawTicks()).observe(this.ticks);
    listenPointer(this.node, this.strip, (share) => this.seek(this.start + share * this.length));
    listenKeys(this, stepS);
    this.node.addEventListener('focus', () => this.say());
  }

  get end() {
    return this.start + this.length;
  }

  /**
   * New lanes, and the time that they cover.
   * @param {{name: string, segments: Segment[]}[]} lanes
   * @param {{start: number, end: number}} span seconds
   */
  setData(lanes, { start, end }) {
    Object.assign(this, { lanes, start, length: Math.max(end - start, 0.001) });
    this.strip.replaceChildren(...lanes.map((lane) => el('div', { class: 'lane' },
      lane.name ? el('span', { class: 'lane-name', text: lane.name }) : null,
      el('div', { class: 'lane-track' },
        lane.segments.map((segment) => segmentNode(segment, this))))));
    this.drawTicks();
    this.place();
    if (document.activeElement !== this.node) this.say();
  }

  /** Moves the mark. Silent: a playing video must not talk all the time. */
  setNow(time) {
    this.now = time;
    this.place();
  }

  /** Moves the mark because somebody wants it there. */
  seek(time) {
    this.setNow(Math.min(Math.max(time, this.start), this.end));
    this.say();
    this.onSeek(this.now);
  }

  /** What is at a time, in words. */
  describe(time) {
    const found = this.lanes.flatMap((lane) => lane.segments
      .filter((segment) => segment.start <= time && time < segment.end)
      .map((segment) => (lane.name ? `${lane.name}: ` : '') + segmentName(segment)));
    return `${this.format(time)}, ${found.length ? found.join(', ') : t('timeline.nothing')}`;
  }

  /** Tells a screen reader where the mark is. */
  say() {
    const time = Math.max(this.now ?? this.start, this.start);
    this.node.setAttribute('aria-valuemin', Math.floor(this.start));
    this.node.setAttribute('aria-valuemax', Math.ceil(this.end));
    this.node.setAttribute('aria-valuenow', Math.round(time));
    this.node.setAttribute('aria-valuetext', this.describe(time));
  }

  place() {
    // The last hour moves on, and may leave the mark behind.
    this.mark.hidden = this.now === null || this.now < this.start;
    this.mark.style.left = `${((this.now - this.start) / this.length) * 100}%`;
  }

  drawTicks() {
    const width = this.ticks.clientWidth || 600;
    const step = tickStep(this.length, width);
    const edge = TICK_ROOM_PX / 3 / width; // where half a time would be cut off
    const nodes = [];
    for (let time = Math.ceil(this.start / step) * step; ; time += step) {
      const share = (time - this.start) / this.length;
      if (share > 1 - edge) break;
      const node = el('span', { text: this.formatTick(time), class: share < edge ? 'first' : '' });
      node.style.left = `${share * 100}%`;
      nodes.push(node);
    }
    this.ticks.replaceChildren(...nodes);
  }
}

function listenPointer(track, lanes, onShare) {
  const move = (event) => {
    const box = lanes.getBoundingClientRect();
    onShare(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
  };
  track.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    track.setPointerCapture(event.pointerId);
    move(event);
  });
  track.addEventListener('pointermove', (event) => {
    if (track.hasPointerCapture(event.pointerId)) move(event);
  });
}

function listenKeys(timeline, stepS) {
  const edges = () => [...new Set(timeline.lanes.flatMap((lane) => lane.segments
    .map((segment) => Math.max(segment.start, timeline.start))))].sort((a, b) => a - b);
  const acts = {
    ArrowLeft: (now) => now - stepS,
    ArrowDown: (now) => now - stepS,
    ArrowRight: (now) => now + stepS,
    ArrowUp: (now) => now + stepS,
    PageUp: (now) => edges().find((edge) => edge > now + 0.01) ?? timeline.end,
    PageDown: (now) => edges().findLast((edge) => edge < now - 0.01) ?? timeline.start,
    Home: () => timeline.start,
    End: () => timeline.end,
  };
  timeline.node.addEventListener('keydown', (event) => {
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    timeline.seek(act(timeline.now ?? timeline.start));
  });
}

/** Writes what is at a time under the strip. */
export function showMoment(node, timeline, time) {
  setText(node, timeline.describe(time));
}
