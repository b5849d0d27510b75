/** One picture's card: thumbnail, name, and what it shows or why not. */

import { createBars } from './bars.js';
import { button, el, icon, setText } from './dom.js';
import { labelName, percent, size, t } from './i18n.js';
import { explainCode } from './problems.js';
import { createThumbnail } from './thumbnail.js';

const AGAIN = new Set(['internal', 'busy', 'too_many_requests', 'stopping']);

/** Out of a ZIP the file's own name; where it lay is in the tooltip. */
function shortName(item) {
  return item.zip ? item.path.split('/').at(-1) || item.path : item.file;
}

function waitingText(item) {
  if (item.state === 'unpacked') return t('card.unpacked', { n: item.count });
  if (item.pause === 'not_ready') return t('card.not_ready');
  if (item.pause === 'connection') return t('card.no_connection');
  if (item.pause) return t('card.busy');
  return item.state === 'sending' ? t('card.sending') : t('card.waiting');
}

function problemNodes(item, onRetry) {
  return [icon('alert'), el('span', { text: explainCode(item.code, item.error),
    title: item.error }),
  item.source && AGAIN.has(item.code)
    ? button(t('card.retry'), onRetry, { icon: 'retry', kind: 'quiet',
      label: t('card.retry_name', { file: item.file }) }) : null].filter(Boolean);
}

/**
 * Makes a card.
 * @param {import('./picture_queue.js').Item} item
 * @param {function()} onRetry
 * @returns {{node: HTMLElement, update: function()}}
 */
export function createCard(item, onRetry) {
  const bars = createBars(3);
  const wait = el('p', { class: 'card-wait' });
  const problem = el('p', { class: 'card-problem' });
  const details = el('p', { class: 'card-size',
    text: item.source ? size(item.source.size) : t('card.from_zip') });
  const node = el('li', { class: 'picture-card', tabindex: '-1' }, createThumbnail(item),
    el('div', { class: 'card-body' },
      el('div', { class: 'card-head' },
        el('h2', { text: shortName(item), title: item.file }), details),
      el('div', { class: 'card-result' }, bars.node, wait, problem)));
  const update = () => {
    const busy = ['waiting', 'sending'].includes(item.state);
    node.dataset.state = item.state;
    node.setAttribute('aria-busy', String(busy));
    bars.node.hidden = ['failed', 'unpacked'].includes(item.state);
    bars.update(item.top);
    wait.hidden = !busy && item.state !== 'unpacked';
    setText(wait, waitingText(item));
    problem.hidden = item.state !== 'failed';
    problem.replaceChildren(...(problem.hidden ? [] : problemNodes(item, () => {
      node.focus(); // the button goes away
      onRetry();
    })));
  };
  update();
  return { node, update };
}

/**
 * A card in one sentence, for a screen reader.
 * @param {import('./picture_queue.js').Item} item
 * @returns {string}
 */
export function sentence(item) {
  if (item.state === 'failed') {
    return t('card.said_problem', { file: item.file, text: explainCode(item.code, item.error) });
  }
  return item.top.length ? t('card.said', { file: item.file, label: labelName(item.top[0]),
    percent: percent(item.top[0].prob) }) : '';
}
