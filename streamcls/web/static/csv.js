/** Results as a table for spreadsheets (RFC 4180). */

const HEADER = ['file', 'label_1', 'prob_1', 'label_2', 'prob_2', 'label_3', 'prob_3', 'error'];

/**
 * One cell: formulas are disarmed, because a file's name is anybody's text and a spreadsheet would
 * run it.
 * @param {string|number} value
 * @returns {string}
 */
export function cell(value) {
  let text = String(value);
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The whole table, in English whatever the page's language, for programs to read.
 * @param {{file: string, top: {label: string, prob: number}[], error: string|null}[]} results
 * @returns {Blob} UTF-8; with a byte order mark only where a name needs one (Excel does)
 */
export function csvBlob(results) {
  const rows = results.map(({ file, top, error }) => [file,
    ...[0, 1, 2].flatMap((place) => (top[place]
      ? [top[place].label, top[place].prob.toFixed(6)] : ['', ''])),
    error ?? '']);
  const text = [HEADER, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
  const mark = /[^\0-\x7f]/.test(text) ? '\ufeff' : '';
  return new Blob([mark, text], { type: 'text/csv;charset=utf-8' });
}
