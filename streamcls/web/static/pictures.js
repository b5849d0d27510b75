/** The view for pictures: four ways in, cards out, a table to take along. */

import { announce, announceProgress } from './announce.js';
import { openCamera } from './camera_dialog.js';
import { csvBlob } from './csv.js';
import { button, el, icon, saveBlob, setText } from './dom.js';
import { dropZone, filesOf } from './drop.js';
import { number, size, t } from './i18n.js';
import { createCard, sentence } from './picture_card.js';
import * as queue from './picture_queue.js';
import { app } from './store.js';

const ACCEPT = 'image/*,.zip,application/zip';

function fileInput(attributes, onFiles) {
  const input = el('input', { type: 'file', class: 'hidden-text', tabindex: '-1',
    'aria-hidden': 'true', ...attributes });
  input.addEventListener('change', () => {
    onFiles([...input.files]);
    input.value = ''; // the same file may be chosen again
  });
  return input;
}

function photoButton(signal) {
  if (navigator.mediaDevices?.getUserMedia) {
    return [button(t('pictures.photo'), () => openCamera((file) => queue.addFiles([file]), signal),
      { icon: 'photo', 'aria-haspopup': 'dialog' })];
  }
  // Without a secure origin the page may not use the camera itself; a phone's own app may.
  const input = fileInput({ accept: 'image/*', capture: 'environment' }, queue.addFiles);
  return [button(t('pictures.photo'), () => input.click(), { icon: 'photo' }), input];
}

function intake(signal) {
  const input = fileInput({ accept: ACCEPT, multiple: true, 'data-testid': 'picture-input' },
    queue.addFiles);
  const limits = app.info.limits;
  const node = el('div', { class: 'drop' }, icon('picture'),
    el('p', { class: 'drop-title', text: t('pictures.drop') }),
    el('div', { class: 'row center' },
      button(t('pictures.choose'), () => input.click(), { icon: 'upload', kind: 'primary' }),
      photoButton(signal)),
    el('p', { class: 'hint', text: t('pictures.limits', { size: size(limits.image_bytes),
      n: limits.archive_pictures }) }), input);
  dropZone(node, queue.addFiles, signal);
  document.addEventListener('paste', (event) => {
    const files = filesOf(event.clipboardData);
    if (files.length && !document.querySelector('dialog[open]')) queue.addFiles(files);
  }, { signal });
  return node;
}

function saveCsv() {
  const ended = queue.items.filter((item) => ['done', 'failed'].includes(item.state));
  saveBlob(csvBlob(ended), 'labels.csv');
}

/** The line above the cards: how far, and what to do with it. */
function createToolbar() {
  const text = el('p', { class: 'toolbar-text' });
  const bar = el('progress', { max: 1, value: 0, 'aria-label': t('pictures.progress') });
  const csv = button(t('pictures.csv'), saveCsv, { icon: 'download' });
  const clear = button(t('pictures.clear'), queue.clear, { icon: 'trash' });
  const node = el('div', { class: 'toolbar' }, el('div', { class: 'toolbar-progress' }, text, bar),
    el('div', { class: 'row' }, csv, clear));
  const update = () => {
    const { all, ended, failed, pause } = queue.progress();
    const working = ended < all;
    node.hidden = all === 0;
    bar.value = all ? ended / all : 0;
    bar.classList.toggle('gone', !working);
    csv.disabled = ended === 0;
    const count = working ? t('pictures.working', { ended, all }) : t('pictures.done', { n: all });
    const notes = [count, failed ? t('pictures.failed', { n: failed }) : null,
      pause ? t(`pause.${['not_ready', 'connection'].includes(pause) ? pause : 'busy'}`) : null];
    setText(text, notes.filter(Boolean).join(' · '));
    return { working, all, ended };
  };
  return { node, update };
}

function createCards() {
  const list = el('ul', { class: 'picture-grid', 'aria-label': t('pictures.results') });
  const cards = new Map();
  const make = (item) => {
    const card = createCard(item, () => queue.retry(item));
    cards.set(item.id, card);
    return card.node;
  };
  const show = (items, after) => {
    const nodes = items.map(make);
    // The newest come first, since on a phone the end of the list is far away.
    if (after) cards.get(after.id).node.after(...nodes);
    else list.prepend(...nodes);
  };
  const batches = new Map();
  for (const item of queue.items) {
    batches.set(item.batch, [...(batches.get(item.batch) ?? []), item]);
  }
  for (const items of batches.values()) show(items);
  return { list, show, cards };
}

function sayProgress({ working, all, ended }, item) {
  if (working) announceProgress(t('pictures.working', { ended, all }));
  else if (all === 1 && item) announce(sentence(item));
  else announce(t('pictures.done', { n: all }));
}

/**
 * Shows the view.
 * @param {HTMLElement} main
 * @param {{signal: AbortSignal}} context
 */
export function mount(main, { signal }) {
  const toolbar = createToolbar();
  const { list, show, cards } = createCards();
  const empty = el('div', { class: 'empty', text: t('pictures.empty') });
  const model = app.info.model;
  const draw = () => {
    empty.hidden = queue.items.length > 0;
    return toolbar.update();
  };
  main.append(el('div', { class: 'head' }, el('h1', { tabindex: '-1', text: t('tab.pictures') }),
    model ? el('p', { class: 'sub', text: t('pictures.model', { name: model.name,
      classes: number(model.classes) }) }) : null),
  intake(signal), toolbar.node, list, empty);
  queue.onChange(({ added, after, changed, cleared }) => {
    if (added) show(added, after);
    if (changed) cards.get(changed.id)?.update();
    if (cleared) {
      list.replaceChildren();
      cards.clear();
      main.querySelector('h1').focus();
    }
    const state = draw();
    if (changed && !['waiting', 'sending'].includes(changed.state)) sayProgress(state, changed);
    if (added && !state.working) sayProgress(state, added[0]);
  });
  signal.addEventListener('abort', () => queue.onChange(() => {}));
  draw();
}
