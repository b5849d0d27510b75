/** Cards for a video: on its way up, at work, done. */

import { button, downloadLink, el, icon, setText } from './dom.js';
import { dayAndTime, moment, number, percent, size, t } from './i18n.js';
import { explain, explainCode } from './problems.js';

const STATE_ICONS = { waiting: 'clock', running: 'retry', done: 'check', failed: 'alert' };

function badge() {
  const node = el('span', { class: 'badge' });
  const update = (state) => {
    if (node.dataset.state === state) return;
    node.dataset.state = state;
    node.replaceChildren(icon(STATE_ICONS[state] ?? 'alert'),
      el('span', { text: t(`job.${state}`) }));
  };
  return { node, update };
}

function facts(job) {
  const rate = job.state === 'running' && job.fps ? t('job.rate', { n: number(job.fps, 1) }) : null;
  return [job.duration_s === null ? null : moment(job.duration_s),
    job.frames ? t('job.frames', { n: job.frames }) : null, rate,
    job.state === 'running' && job.progress !== null ? percent(job.progress) : null,
    job.state === 'done' && job.expires_utc
      ? t('job.expires', { time: dayAndTime(job.expires_utc) }) : null]
    .filter(Boolean).join(' · ');
}

function jobActs(job, { open, onDelete }) {
  const ended = ['done', 'failed'].includes(job.state);
  const link = job.state === 'done' && open !== job.id
    ? el('a', { class: 'button primary', href: `#videos/${job.id}`,
      'aria-label': t('job.open_name', { file: job.file }) },
    icon('play'), el('span', { text: t('job.open') })) : null;
  return [link, ...downloads(job),
    button(ended ? '' : t('videos.end'), onDelete, { icon: 'trash',
      label: t(ended ? 'job.delete_name' : 'job.end_name', { file: job.file }),
      kind: ended ? 'quiet square' : 'quiet' })].filter(Boolean);
}

/**
 * A job's card.
 * @param {Object} first the job
 * @param {{open: string, onDelete: function(Object)}} options `open` is the job that is shown
 * @returns {{node: HTMLElement, update: function(Object)}}
 */
export function createJobCard(first, { open, onDelete }) {
  let job = first;
  const state = badge();
  const text = el('p', { class: 'job-facts' });
  const bar = el('progress', { max: 1, 'aria-label': t('job.progress', { file: first.file }) });
  const problem = el('p', { class: 'card-problem' });
  const acts = el('div', { class: 'row job-acts' });
  const node = el('li', { class: 'job-card' },
    el('div', { class: 'job-head' }, el('h2', { text: first.file, title: first.file }), state.node),
    text, bar, problem, acts);
  node.classList.toggle('shown', open === job.id);
  if (open === job.id) node.setAttribute('aria-current', 'true');
  let drawn = null;
  const update = (next) => {
    job = next;
    state.update(job.state);
    setText(text, facts(job));
    text.hidden = job.state === 'failed' && !text.textContent;
    bar.hidden = !['waiting', 'running'].includes(job.state);
    if (job.progress === null) bar.removeAttribute('value');
    else bar.value = job.progress;
    problem.hidden = job.state !== 'failed';
    setText(problem, job.error ?? '');
    if (drawn === job.state) return;
    drawn = job.state;
    acts.replaceChildren(...jobActs(job, { open, onDelete: () => onDelete(job) }));
  };
  return { node, update };
}

/**
 * The links to a job's files.
 * @param {Object} job
 * @returns {HTMLElement[]}
 */
export function downloads(job) {
  return [['csv', 'CSV'], ['vtt', 'VTT']].filter(([kind]) => job.files[kind])
    .map(([kind, name]) => downloadLink(name, job.files[kind], '', {
      'aria-label': t('job.download_name', { kind: name, file: job.file }) }));
}

/**
 * An upload's card.
 * @param {import('./video_uploads.js').Upload} item
 * @param {function(Object)} onForget
 * @returns {{node: HTMLElement, update: function()}}
 */
export function createUploadCard(item, onForget) {
  const text = el('p', { class: 'job-facts' });
  const bar = el('progress', { max: 1, 'aria-label': t('upload.progress', { file: item.file }) });
  const problem = el('p', { class: 'card-problem', role: 'alert' });
  const node = el('li', { class: 'job-card' },
    el('div', { class: 'job-head' }, el('h2', { text: item.file, title: item.file })),
    text, bar, problem,
    el('div', { class: 'row job-acts' }, button(t('cancel'), () => onForget(item), { icon: 'close',
      kind: 'quiet', label: t('upload.cancel_name', { file: item.file }) })));
  const update = () => {
    const share = item.all ? item.sent / item.all : 0;
    bar.hidden = item.state === 'failed';
    bar.value = share;
    problem.hidden = item.state !== 'failed';
    if (item.error) {
      setText(problem, item.error instanceof Error ? explain(item.error)
        : explainCode(item.error.code, ''));
    }
    setText(text, uploadText(item, share));
  };
  return { node, update };
}

function uploadText(item, share) {
  if (item.state === 'failed') return size(item.all);
  if (item.pause) return t(item.pause === 'connection' ? 'card.no_connection' : 'card.busy');
  if (item.state === 'waiting') return t('upload.waiting', { size: size(item.all) });
  return share >= 1 ? t('upload.checking')
    : t('upload.sending', { sent: size(item.sent), all: size(item.all), percent: percent(share) });
}
