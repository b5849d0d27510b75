/** An annotated video with the timeline of its segments under it. */

import { announce } from './announce.js';
import { ask, persist } from './api.js';
import { downloadLink, el, icon, setText } from './dom.js';
import { labelNode, moment, percent, t } from './i18n.js';
import { downloads } from './job_card.js';
import { explain } from './problems.js';
import { paint, showMoment, Timeline } from './timeline.js';

/** Where each video was left, so that a change of language does not begin it anew. */
const left = new Map();

function segmentRow(segment, onSeek) {
  const swatch = el('span', { class: 'swatch', 'aria-hidden': 'true' });
  paint(swatch, segment);
  const row = el('button', { type: 'button', class: 'segment-row',
    onclick: () => onSeek(segment.start) }, swatch, labelNode(segment),
  el('span', { class: 'segment-time',
    text: `${moment(segment.start, 1)} – ${moment(segment.end, 1)}` }),
  el('span', { class: 'segment-prob', text: percent(segment.mean_prob),
    title: t('player.probs', { mean: percent(segment.mean_prob),
      peak: percent(segment.peak_prob) }) }));
  return el('li', {}, row);
}

function createVideo(job) {
  const video = el('video', { controls: true, playsinline: true, preload: 'metadata',
    src: job.files.video, 'aria-label': t('player.video', { file: job.file }) },
  job.files.vtt ? el('track', { kind: 'captions', src: job.files.vtt, srclang: 'en',
    label: t('player.track') }) : null);
  const place = left.get(job.id);
  if (place) video.currentTime = place;
  return video;
}

/** Keeps the mark and the current segment in step with the video. */
function follow(video, { timeline, now, rows, segments }, signal) {
  let current = -1;
  const draw = () => {
    const time = video.currentTime;
    timeline.setNow(time);
    showMoment(now, timeline, time);
    const place = segments.findIndex((segment) => segment.start <= time && time < segment.end);
    if (place === current) return;
    rows[current]?.removeAttribute('aria-current');
    rows[place]?.setAttribute('aria-current', 'true');
    current = place;
  };
  const loop = () => {
    draw();
    if (!video.paused && !signal.aborted && video.isConnected) requestAnimationFrame(loop);
  };
  video.addEventListener('play', loop);
  for (const name of ['timeupdate', 'seeking', 'loadedmetadata']) {
    video.addEventListener(name, draw);
  }
  draw();
}

async function fill(parts, job, signal) {
  const { segments: raw } = await persist(() => ask(job.files.segments, { signal }), { signal });
  const segments = raw.map((segment) => ({ ...segment, kind: 'label', start: segment.start_s,
    end: segment.end_s }));
  const { video, list, timeline } = parts;
  const end = Math.max(job.duration_s ?? 0, ...segments.map((segment) => segment.end));
  const seek = (time) => { video.currentTime = time; };
  list.replaceChildren(...segments.map((segment) => segmentRow(segment, seek)));
  if (!segments.length) list.replaceWith(el('p', { class: 'empty', text: t('player.none') }));
  const draw = () => timeline.setData([{ name: '', segments }],
    { start: 0, end: Number.isFinite(video.duration) ? Math.max(video.duration, end) : end });
  draw();
  video.addEventListener('durationchange', draw); // the video's own end is known only now
  const rows = [...list.querySelectorAll('button')];
  follow(video, { ...parts, rows, segments }, signal);
}

/**
 * Makes the player for a job that is done.
 * @param {Object} job
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function createPlayer(job, signal) {
  const video = createVideo(job);
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const now = el('p', { class: 'moment' });
  const list = el('ol', { class: 'segments', 'aria-label': t('player.segments') });
  const timeline = new Timeline({ label: t('player.timeline'), stepS: 1,
    format: (time) => moment(time, job.duration_s < 60 ? 1 : 0),
    formatTick: (time) => moment(time),
    onSeek: (time) => { video.currentTime = time; } });
  video.addEventListener('error', () => setText(problem, t('player.broken')));
  signal.addEventListener('abort', () => {
    left.set(job.id, video.currentTime);
    video.pause();
    video.removeAttribute('src'); // or the browser goes on loading
    video.load();
  });
  fill({ video, list, timeline, now }, job, signal).catch((error) => {
    if (signal.aborted) return;
    setText(problem, explain(error));
    announce(explain(error));
  });
  return el('section', { class: 'player card', 'aria-label': job.file },
    el('div', { class: 'player-head' }, el('h2', { text: job.file, title: job.file }),
      el('div', { class: 'row player-files' },
        downloadLink(t('player.download'), job.files.video, ''), downloads(job)),
      el('a', { class: 'button quiet square', href: '#videos', 'aria-label': t('close'),
        title: t('close') }, icon('close'))),
    el('div', { class: 'player-body' },
      el('div', { class: 'player-main' }, video, timeline.node, now), list), problem);
}
