/**
 * Pictures out of a ZIP that is at hand, for their thumbnails. Reads the directory at its end and
 * then single entries, never the whole file. What it can not read simply has no thumbnail.
 */

const DIRECTORY_END = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_BYTES = 22;
const COMMENT_LIMIT = 65535;
const LOCAL_HEADER_BYTES = 30;
const ENTRY_LIMIT = 30e6;
const STORED = 0;
const DEFLATED = 8;

async function view(blob) {
  return new DataView(await blob.arrayBuffer());
}

async function findDirectory(file) {
  const start = Math.max(0, file.size - END_BYTES - COMMENT_LIMIT);
  const tail = await view(file.slice(start));
  for (let at = tail.byteLength - END_BYTES; at >= 0; at -= 1) {
    if (tail.getUint32(at, true) === DIRECTORY_END) {
      return file.slice(tail.getUint32(at + 16, true),
        tail.getUint32(at + 16, true) + tail.getUint32(at + 12, true));
    }
  }
  throw new Error('no directory in this ZIP');
}

/**
 * The entries of a ZIP by name.
 * @param {File} file
 * @returns {Promise<Map<string, {method: number, packed: number, size: number, at: number}>>}
 */
export async function readDirectory(file) {
  const data = await view(await findDirectory(file));
  const entries = new Map();
  for (let at = 0; at + 46 <= data.byteLength
    && data.getUint32(at, true) === DIRECTORY_ENTRY;) {
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32]
      .map((place) => data.getUint16(at + place, true));
    const name = new TextDecoder().decode(new Uint8Array(data.buffer, at + 46, nameBytes));
    entries.set(name, { method: data.getUint16(at + 10, true),
      packed: data.getUint32(at + 20, true), size: data.getUint32(at + 24, true),
      at: data.getUint32(at + 42, true) });
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  return entries;
}

/**
 * One entry's bytes.
 * @param {File} file
 * @param {{method: number, packed: number, size: number, at: number}} entry
 * @returns {Promise<Blob|null>} null for what is too large or packed in another way
 */
export async function readEntry(file, entry) {
  if (entry.size > ENTRY_LIMIT || ![STORED, DEFLATED].includes(entry.method)) return null;
  // The local header repeats the name, and its extra field may differ from the directory's.
  const header = await view(file.slice(entry.at, entry.at + LOCAL_HEADER_BYTES));
  const start = entry.at + LOCAL_HEADER_BYTES + header.getUint16(26, true)
    + header.getUint16(28, true);
  const packed = file.slice(start, start + entry.packed);
  if (entry.method === STORED) return packed;
  if (!('DecompressionStream' in window)) return null;
  return new Response(packed.stream().pipeThrough(new DecompressionStream('deflate-raw'))).blob();
}
