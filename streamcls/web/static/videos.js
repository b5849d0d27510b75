/** The view for video files: upload or choose, watch the work, open the result. */

import { announce } from './announce.js';
import { ask, persist } from './api.js';
import { confirm } from './confirm.js';
import { button, el, icon, setText } from './dom.js';
import { dropZone } from './drop.js';
import { size, t } from './i18n.js';
import { createJobCard, createUploadCard } from './job_card.js';
import { createPlayer } from './player.js';
import { poll } from './poll.js';
import { explain } from './problems.js';
import { app } from './store.js';
import { addVideos, deleteJob, forget, onUploads, ours, startPath, uploads }
  from './video_uploads.js';

const JOBS_PERIOD_MS = 1000;
const IDLE_PERIOD_MS = 2500;
const FPS_CHOICES = ['', '10', '5', '2', '1'];

function field(label, control) {
  return el('label', { class: 'field' }, el('span', { text: label }), control);
}

function fpsChoice() {
  return el('select', {}, FPS_CHOICES.map((value) => el('option', { value,
    text: value ? t('videos.fps_some', { n: Number(value) }) : t('videos.fps_all') })));
}

/** The form for a file that the server has already. */
function folderForm(fps, say, onStarted, signal) {
  const choice = el('select', {});
  const start = button(t('videos.start'), null, { icon: 'play', disabled: true });
  const form = el('form', { class: 'row folder' }, field(t('videos.folder'), choice), start);
  start.type = 'submit';
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    start.disabled = true;
    try {
      await persist(() => startPath(choice.value, fps.value), { signal });
      say('');
      onStarted();
    } catch (error) {
      if (!signal.aborted) say(explain(error));
    }
    start.disabled = false;
  });
  const fill = async () => {
    const { files } = await persist(() => ask('/api/v1/files', { signal }), { signal });
    choice.replaceChildren(...files.map((file) => el('option', { value: file.path,
      text: `${file.path} (${size(file.bytes)})` })));
    if (!files.length) choice.append(el('option', { value: '', text: t('videos.folder_empty') }));
    start.disabled = !files.length;
  };
  fill().catch((error) => {
    if (signal.aborted) return;
    form.hidden = true;
    if (error.status !== 404) say(explain(error));
  });
  return form;
}

function intake(onStarted, signal) {
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const fps = fpsChoice();
  const take = (files) => addVideos(files, fps.value);
  const input = el('input', { type: 'file', accept: 'video/*,.mkv,.avi,.ts', multiple: true,
    class: 'hidden-text', tabindex: '-1', 'aria-hidden': 'true', 'data-testid': 'video-input' });
  input.addEventListener('change', () => {
    take([...input.files]);
    input.value = '';
  });
  const say = (text) => setText(problem, text);
  const node = el('div', { class: 'drop' }, icon('film'),
    el('p', { class: 'drop-title', text: t('videos.drop') }),
    el('div', { class: 'row center' }, button(t('videos.choose'), () => input.click(),
      { icon: 'upload', kind: 'primary' }), field(t('videos.fps'), fps)),
    el('p', { class: 'hint',
      text: t('videos.limits', { size: size(app.info.limits.video_bytes) }) }),
    app.info.folder ? folderForm(fps, say, onStarted, signal) : null, problem, input);
  dropZone(node, take, signal);
  return node;
}

/** Keeps a list of cards in step with a list of things, without making any of them anew. */
function createList(label, make) {
  const node = el('ul', { class: 'job-list', 'aria-label': label });
  const cards = new Map();
  const update = (things) => {
    for (const [id, card] of cards) {
      if (things.some((thing) => thing.id === id)) continue;
      card.node.remove();
      cards.delete(id);
    }
    things.forEach((thing, place) => {
      if (!cards.has(thing.id)) cards.set(thing.id, make(thing));
      const card = cards.get(thing.id);
      card.update(thing);
      // Moved only if it stands elsewhere: moving would take the focus away.
      if (node.children[place] !== card.node) node.insertBefore(card.node, node.children[place]);
    });
  };
  return { node, update };
}

async function removeJob(job, main, refresh) {
  const running = ['waiting', 'running'].includes(job.state);
  const question = t(running ? 'videos.end_question' : 'videos.delete_question',
    { file: job.file });
  if (!await confirm(question, t(running ? 'videos.end' : 'videos.delete'))) return;
  await persist(() => deleteJob(job.id)).catch((error) => {
    if (error.status !== 404) announce(explain(error)); // gone already is what was wanted
  });
  announce(t('videos.deleted', { file: job.file }));
  if (location.hash === `#videos/${job.id}`) {
    location.hash = '#videos'; // shows the view anew, without the video
    return;
  }
  main.querySelector('h1')?.focus();
  soon(refresh);
}

/** Draws the list sooner than the poll would, which also says what may be wrong. */
function soon(refresh) {
  refresh().catch((error) => console.info('the list comes later:', error.message));
}

/** Says when a job ends, and opens the first that this page began. */
function watchEnds(openId) {
  const states = new Map();
  return (jobs) => {
    for (const job of jobs) {
      const before = states.get(job.id);
      states.set(job.id, job.state);
      const ended = ['done', 'failed'].includes(job.state);
      if (!ended || (before === job.state)) continue;
      if (before) announce(t(`videos.said_${job.state}`, { file: job.file }));
      if (!ours.delete(job.id) || job.state !== 'done' || openId) continue;
      location.hash = `#videos/${job.id}`;
    }
  };
}

/** Where the video that was opened is played, once it is done. */
function createStage(id, signal) {
  const node = el('div', { class: 'stage' });
  let shown = null;
  const update = (job) => {
    const next = job?.state === 'done' ? 'player' : id && !job ? 'gone' : null;
    if (next === shown) return;
    shown = next;
    if (next === 'player') node.replaceChildren(createPlayer(job, signal));
    else if (next) node.replaceChildren(el('p', { class: 'empty', text: t('videos.gone') }));
    else node.replaceChildren();
  };
  return { node, update };
}

function followUploads(draw, refresh, signal) {
  let count = uploads.length;
  onUploads(() => {
    draw();
    if (uploads.length < count) soon(refresh); // it is a job now
    count = uploads.length;
  });
  signal.addEventListener('abort', () => onUploads(() => {}));
  draw();
}

/**
 * Shows the view.
 * @param {HTMLElement} main
 * @param {{name: string, signal: AbortSignal}} context name is the job to open, or ''
 */
export function mount(main, { name, signal }) {
  const stage = createStage(name, signal);
  const empty = el('p', { class: 'empty', text: t('videos.empty') });
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const uploadList = createList(t('videos.uploads'), (item) => createUploadCard(item, forget));
  const jobList = createList(t('videos.jobs'), (job) => createJobCard(job, {
    open: name, onDelete: (current) => removeJob(current, main, refresh) }));
  const ends = watchEnds(name);
  const refresh = async () => {
    const { jobs } = await ask('/api/v1/jobs', { signal });
    if (signal.aborted) return IDLE_PERIOD_MS;
    setText(problem, '');
    jobList.update(jobs);
    empty.hidden = jobs.length + uploads.length > 0;
    ends(jobs);
    stage.update(jobs.find((job) => job.id === name));
    return jobs.some((job) => ['waiting', 'running'].includes(job.state)) ? JOBS_PERIOD_MS
      : IDLE_PERIOD_MS;
  };
  main.append(el('div', { class: 'head' }, el('h1', { tabindex: '-1', text: t('tab.videos') }),
    el('p', { class: 'sub', text: t('videos.sub') })),
  stage.node, intake(refresh, signal), uploadList.node, jobList.node, empty, problem);
  empty.hidden = true; // until the server has said that there are none
  followUploads(() => {
    uploadList.update(uploads);
    if (uploads.length) empty.hidden = true;
  }, refresh, signal);
  const onError = (error) => setText(problem, explain(error));
  poll(refresh, { periodMs: JOBS_PERIOD_MS, signal, onError });
}
