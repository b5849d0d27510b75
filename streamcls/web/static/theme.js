/** Light, dark, or as the system has it. boot.js sets it before the first paint. */

import { el, icon } from './dom.js';
import { t } from './i18n.js';
import { load, save } from './store.js';

const CHOICES = ['auto', 'light', 'dark'];
const DRAWINGS = { auto: 'auto', light: 'sun', dark: 'moon' };
const system = matchMedia('(prefers-color-scheme: dark)');

let choice = CHOICES.includes(load('theme')) ? load('theme') : 'auto';

function apply() {
  const dark = choice === 'dark' || (choice === 'auto' && system.matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}

system.addEventListener('change', apply);

/**
 * A button that goes through the three choices.
 * @returns {HTMLButtonElement}
 */
export function createThemeButton() {
  const node = el('button', { type: 'button', class: 'tool', id: 'theme' });
  const draw = () => {
    const name = t('theme.name', { choice: t(`theme.${choice}`) });
    node.setAttribute('aria-label', name);
    node.title = name;
    node.replaceChildren(icon(DRAWINGS[choice]));
  };
  node.addEventListener('click', () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    save('theme', choice);
    apply();
    draw();
  });
  draw();
  return node;
}
