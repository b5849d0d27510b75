/** A picture's thumbnail: at once for a file, when it comes into sight for one out of a ZIP. */

import { el, icon } from './dom.js';
import { readDirectory, readEntry } from './zip.js';

/** @type {WeakMap<File, Promise<Map>>} each ZIP's directory is read once */
const directories = new WeakMap();

function directoryOf(zip) {
  if (!directories.has(zip)) directories.set(zip, readDirectory(zip));
  return directories.get(zip);
}

async function unpack(item) {
  try {
    const entry = (await directoryOf(item.zip)).get(item.path);
    const blob = entry ? await readEntry(item.zip, entry) : null;
    if (blob) item.url = URL.createObjectURL(blob);
  } catch (error) {
    console.info('no thumbnail:', item.file, error.message);
  }
}

const inSight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    inSight.unobserve(target);
    target.dispatchEvent(new Event('insight'));
  }
}, { rootMargin: '200px' });

/**
 * Makes a thumbnail.
 * @param {import('./picture_queue.js').Item} item
 * @returns {HTMLElement}
 */
export function createThumbnail(item) {
  const frame = el('div', { class: 'thumb' }, icon(item.isZip ? 'archive' : 'picture'));
  const show = () => {
    if (!item.url) return;
    const image = el('img', { src: item.url, alt: '', loading: 'lazy', decoding: 'async' });
    // A picture that the browser can not show (TIFF, HEIC) keeps the drawing.
    image.addEventListener('error', () => image.remove());
    frame.append(image);
  };
  show();
  if (item.zip && !item.url && item.state === 'done') {
    frame.addEventListener('insight', async () => {
      await unpack(item);
      show();
    }, { once: true });
    inSight.observe(frame);
  }
  return frame;
}
