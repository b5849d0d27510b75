/** Making elements. Text always goes in as text: nothing here parses HTML. */

const SVG = 'http://www.w3.org/2000/svg';

/** Line drawings on a 24 x 24 grid, one path each. */
const ICONS = {
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9h.01',
  film: 'M4 5h16v14H4zM8 5v14M16 5v14M4 9.7h4M4 14.3h4M16 9.7h4M16 14.3h4',
  camera: 'M3 7h12v10H3zM15 11l6-3.5v9L15 13',
  photo: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 16.5a3.3 3.3 0 1 0 0-6.6 3.3 3.3 0 0 0 0 6.6',
  pulse: 'M3 12h4l3-7 4 14 3-7h4',
  upload: 'M12 16V5M7.5 9.5 12 5l4.5 4.5M5 19h14',
  download: 'M12 5v11M7.5 11.5 12 16l4.5-4.5M5 19h14',
  trash: 'M5 7h14M10 4h4M7 7l1 13h8l1-13M10.5 11v5.5M13.5 11v5.5',
  close: 'M6 6l12 12M18 6 6 18',
  play: 'M8 5.5v13l10.5-6.5z',
  stop: 'M7 7h10v10H7z',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  alert: 'M12 4.5 21 19.5H3zM12 10.5v4M12 17h.01',
  clock: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 8v4.3l3 1.7',
  retry: 'M19 12a7 7 0 1 1-2.2-5.1M19 4v4.5h-4.5',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4'
    + 'M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  auto: 'M12 20a8 8 0 1 0 0-16zM12 20a8 8 0 0 1 0-16',
  back: 'M14.5 6 8.5 12l6 6',
  archive: 'M4 5h16v4H4zM5.5 9v10h13V9M10 13h4',
  exit: 'M10 5H5v14h5M14 8l4 4-4 4M18 12H9',
  swap: 'M4 9h13l-3-3M20 15H7l3 3',
};

function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === 'text') node.textContent = value;
  else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
  else if (name === 'value') node.value = value;
  else node.setAttribute(name, value === true ? '' : String(value));
}

/**
 * Makes an element.
 * @param {string} tag
 * @param {Object} [attributes] `text` is its text; `onclick` and the like are listeners; null and
 *   false leave an attribute out
 * @param {...(Node|string|null|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== false
    && child !== undefined));
  return node;
}

/**
 * A decorative drawing; what it says must also stand in words.
 * @param {keyof ICONS} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * A button with a drawing and words.
 * @param {string} text '' where the drawing stands alone; then it needs a `label`
 * @param {Function} onclick
 * @param {Object} [options] `icon`, `kind` ("primary", "quiet", "danger"), `label` for a longer
 *   name than the words, and any attribute
 * @returns {HTMLButtonElement}
 */
export function button(text, onclick, { icon: drawing, kind = '', label, ...rest } = {}) {
  return el('button', { type: 'button', class: `button ${kind}`, onclick, 'aria-label': label,
    title: label, ...rest }, drawing ? icon(drawing) : null, text ? el('span', { text }) : null);
}

/**
 * A link that looks like a button and downloads a file.
 * @param {string} text
 * @param {string} href
 * @param {string} name the file's name, or '' for the server's own
 * @param {Object} [attributes]
 * @returns {HTMLAnchorElement}
 */
export function downloadLink(text, href, name, attributes = {}) {
  return el('a', { class: 'button', href, download: name, ...attributes }, icon('download'),
    el('span', { text }));
}

/** Sets text only where it differs, so that nothing is painted or read out again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Hands the user a file made in the page.
 * @param {Blob} blob
 * @param {string} name
 */
export function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = el('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000); // some browsers read the blob late
}
