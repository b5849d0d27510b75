/** The three likeliest labels with bars, changed in place so that nothing jumps. */

import { el, setText } from './dom.js';
import { percent, setLabel } from './i18n.js';

/**
 * Makes the bars.
 * @param {number} [rows]
 * @returns {{node: HTMLElement, update: function({label: string, class_id: number|null,
 *   prob: number}[])}}
 */
export function createBars(rows = 3) {
  const lines = Array.from({ length: rows }, () => {
    const name = el('span', { class: 'bar-name' });
    const value = el('span', { class: 'bar-value' });
    const fill = el('span', { class: 'bar-fill' });
    const node = el('li', {}, name, value,
      el('span', { class: 'bar-track', 'aria-hidden': 'true' }, fill));
    return { node, name, value, fill };
  });
  const node = el('ol', { class: 'bars' }, lines.map((line) => line.node));
  const update = (top) => lines.forEach((line, place) => {
    const result = top[place];
    line.node.classList.toggle('unused', !result);
    if (result) setLabel(line.name, result);
    else setText(line.name, '');
    setText(line.value, result ? percent(result.prob) : '');
    line.fill.style.width = `${result ? Math.min(Math.max(result.prob, 0), 1) * 100 : 0}%`;
  });
  update([]);
  return { node, update };
}
