/** Dropping files onto a page, and files out of a drop or a paste. */

/**
 * The files in a drop or a paste.
 * @param {DataTransfer|null} data
 * @returns {File[]}
 */
export function filesOf(data) {
  return data ? [...data.files] : [];
}

/** The files of a dropped folder, all the way down. */
async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader gives a hundred at a time
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return found;
    for (const inner of entries) found.push(...await filesBelow(inner));
  }
}

async function dropped(data) {
  // Entries must be taken before the first wait: afterwards the drop is empty.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return filesOf(data);
  return (await Promise.all(entries.map(filesBelow))).flat();
}

/**
 * Takes files that are dropped anywhere on the page, and shows the zone while they hover.
 * @param {HTMLElement} zone
 * @param {function(File[])} onFiles
 * @param {AbortSignal} signal
 */
export function dropZone(zone, onFiles, signal) {
  let depth = 0; // enter and leave come for every element on the way
  const hover = (change) => {
    depth = Math.max(0, change === 0 ? 0 : depth + change);
    zone.classList.toggle('over', depth > 0);
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  const on = (name, act) => window.addEventListener(name, (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    act(event);
  }, { signal });
  on('dragenter', () => hover(1));
  on('dragleave', () => hover(-1));
  on('dragover', (event) => { event.dataTransfer.dropEffect = 'copy'; });
  on('drop', async (event) => {
    hover(0);
    const files = filesOf(event.dataTransfer);
    try {
      onFiles(await dropped(event.dataTransfer));
    } catch (error) {
      console.warn('a folder can not be read:', error.message);
      onFiles(files);
    }
  });
}
