/** A camera's own MJPEG stream in an <img>, only while it can be seen. */

import { backOffMs } from './api.js';
import { el, icon } from './dom.js';
import { t } from './i18n.js';
import { listen } from './store.js';

/**
 * Makes the picture.
 * @param {string} path
 * @param {string} name for a screen reader
 * @param {AbortSignal} signal
 * @returns {{node: HTMLElement, restart: function()}}
 */
export function createLivePicture(path, name, signal) {
  const node = el('div', { class: 'live-picture' }, el('span', { class: 'tile-break' },
    icon('retry'), el('span', { text: t('wall.reconnect') })));
  let image = null;
  let timer = null;
  let failures = 0;
  const stop = () => {
    clearTimeout(timer);
    if (!image) return;
    image.removeAttribute('src'); // taking it out of the page would not end the stream
    image.remove();
    image = null;
  };
  const start = () => {
    stop();
    if (signal.aborted || document.hidden) return;
    image = el('img', { alt: name, src: path });
    image.addEventListener('load', () => {
      failures = 0;
      node.classList.remove('broken');
    });
    image.addEventListener('error', () => {
      failures += 1;
      node.classList.add('broken');
      stop();
      timer = setTimeout(start, backOffMs(failures));
    });
    node.prepend(image);
  };
  document.addEventListener('visibilitychange', start, { signal });
  // A stream that the server ended leaves a still picture and no event: begin anew on its return.
  listen('connection', ({ lost }) => {
    node.classList.toggle('broken', lost);
    if (!lost) start();
  }, signal);
  signal.addEventListener('abort', stop);
  start();
  return { node, restart: start };
}
