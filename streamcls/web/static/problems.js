/** Failures in the reader's words. */

import { ConnectionLost, Problem } from './api.js';
import { hasWords, t } from './i18n.js';

/**
 * A friendly sentence for a code of the server's, or the server's own English where there is none.
 * @param {string|null} code
 * @param {string} detail
 * @returns {string}
 */
export function explainCode(code, detail) {
  return code && hasWords(`problem.${code}`) ? t(`problem.${code}`) : detail;
}

/**
 * A friendly sentence for a failure.
 * @param {Error} error
 * @returns {string}
 */
export function explain(error) {
  if (error instanceof Problem) return explainCode(error.code, error.message);
  if (error instanceof ConnectionLost) return t('banner.lost');
  console.error(error);
  return t('problem.internal');
}
