/** A question before something is lost. */

import { button, el } from './dom.js';
import { t } from './i18n.js';

/**
 * Asks in a dialog; Escape and "keep" both mean no.
 * @param {string} question
 * @param {string} yes the words on the button that does it
 * @returns {Promise<boolean>}
 */
export function confirm(question, yes) {
  return new Promise((resolve) => {
    const answer = (value) => {
      dialog.returnValue = value;
      dialog.close(value);
    };
    const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'question' },
      el('h2', { id: 'question', text: question }),
      el('div', { class: 'row end' },
        button(t('keep'), () => answer('no'), { autofocus: true }),
        button(yes, () => answer('yes'), { kind: 'danger', icon: 'trash' })));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
