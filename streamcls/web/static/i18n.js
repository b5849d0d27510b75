/** The page's language, its words, numbers and times, and the classes' names. */

import { el } from './dom.js';
import en from './en.js';
import { app, emit, load, save } from './store.js';
import zh from './zh.js';

const WORDS = { en, zh };
const TAGS = { en: 'en', zh: 'zh-Hans' };

let language = null;
let chineseNames = null; // the 1,000 names in class order, once somebody reads Chinese
let loadingNames = false;

/** The reader's own way to write numbers and dates, where it belongs to the page's language. */
function region() {
  return navigator.languages?.find((tag) => tag.startsWith(language)) ?? TAGS[language];
}

/** @returns {"en"|"zh"} */
export function currentLanguage() {
  return language;
}

/**
 * Chooses the saved language, else the browser's.
 */
export function startLanguage() {
  const wanted = load('language') || navigator.language || 'en';
  language = /^zh/i.test(wanted) ? 'zh' : 'en';
  document.documentElement.lang = TAGS[language];
}

/**
 * Changes the language, keeps the choice and tells the views.
 * @param {"en"|"zh"} next
 */
export function setLanguage(next) {
  language = next;
  save('language', next);
  document.documentElement.lang = TAGS[next];
  emit('language');
}

/**
 * The words for a key in the page's language.
 * @param {string} key
 * @param {Object} [values] for {name} in the words; `n` also chooses singular or plural
 * @returns {string}
 */
export function t(key, values = {}) {
  let words = WORDS[language][key];
  if (words === undefined) {
    console.error(`no words for ${key}`);
    return key;
  }
  if (typeof words === 'object') {
    words = words[new Intl.PluralRules(TAGS[language]).select(values.n)] ?? words.other;
  }
  return words.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === 'number' ? number(value) : String(value ?? '');
  });
}

/** @returns {boolean} whether there are words for the key */
export function hasWords(key) {
  return WORDS[language][key] !== undefined;
}

/**
 * Fetches the classes' Chinese names when they are wanted: the language is Chinese and the model
 * knows ImageNet's classes.
 */
export async function wantNames() {
  const imagenet = app.info?.model?.imagenet;
  if (language !== 'zh' || !imagenet || chineseNames || loadingNames) return;
  loadingNames = true;
  try {
    const response = await fetch('/static/labels.zh.json');
    if (!response.ok) throw new Error(`labels.zh.json: ${response.status}`);
    chineseNames = await response.json();
    emit('language');
  } catch (error) {
    // English names still tell everything; the next view tries again.
    console.warn('no Chinese names:', error.message);
  } finally {
    loadingNames = false;
  }
}

/**
 * A class's name in the page's language.
 * @param {{label: string, class_id: number|null}} result
 * @returns {string}
 */
export function labelName(result) {
  const translated = language === 'zh' && app.info?.model?.imagenet && chineseNames
    && result.class_id !== null && result.class_id !== undefined
    ? chineseNames[result.class_id] : null;
  return translated || result.label;
}

/**
 * Writes a class's name into an element, with the English beside it as a tooltip.
 * @param {HTMLElement} node
 * @param {{label: string, class_id: number|null}} result
 */
export function setLabel(node, result) {
  const text = labelName(result);
  if (node.textContent === text && node.title === result.label) return;
  node.textContent = text;
  node.title = result.label;
  // A screen reader should pronounce an untranslated name as English.
  if (language === 'zh' && text === result.label) node.lang = 'en';
  else node.removeAttribute('lang');
}

/**
 * An element with a class's name.
 * @param {{label: string, class_id: number|null}} result
 * @param {string} [className]
 * @returns {HTMLElement}
 */
export function labelNode(result, className = 'label-name') {
  const node = el('span', { class: className });
  setLabel(node, result);
  return node;
}

/**
 * A number with the language's separators.
 * @param {number|null} value
 * @param {number} [digits] after the point
 * @returns {string}
 */
export function number(value, digits = 0) {
  if (value === null || value === undefined) return '–';
  return new Intl.NumberFormat(region(), { minimumFractionDigits: digits,
    maximumFractionDigits: digits }).format(value);
}

/**
 * A probability as a percentage: whole above 10 %, with one digit below.
 * @param {number|null} probability
 * @returns {string}
 */
export function percent(probability) {
  if (probability === null || probability === undefined) return '–';
  return `${number(probability * 100, probability < 0.0995 ? 1 : 0)}%`;
}

/**
 * A size in decimal units.
 * @param {number} bytes
 * @returns {string}
 */
export function size(bytes) {
  if (bytes < 1e6) return `${number(Math.max(bytes / 1e3, 0.1), bytes < 1e4 ? 1 : 0)} kB`;
  if (bytes < 1e9) return `${number(bytes / 1e6, bytes < 1e7 ? 1 : 0)} MB`;
  return `${number(bytes / 1e9, 1)} GB`;
}

/**
 * A moment in a recording: 1:02, 1:00:02, or with tenths 1:02.5.
 * @param {number} seconds
 * @param {number} [digits]
 * @returns {string}
 */
export function moment(seconds, digits = 0) {
  const factor = 10 ** digits;
  const whole = Math.floor(Math.max(seconds, 0) * factor + 1e-6) / factor;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = (whole % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/**
 * The time of day where the reader is.
 * @param {Date|number|string} time
 * @param {boolean} [withSeconds]
 * @returns {string}
 */
export function clock(time, withSeconds = true) {
  return new Intl.DateTimeFormat(region(), { hour: '2-digit', minute: '2-digit',
    second: withSeconds ? '2-digit' : undefined, hourCycle: 'h23' }).format(new Date(time));
}

/**
 * A moment to come: the time, with the date unless it is today.
 * @param {string} utc
 * @returns {string}
 */
export function dayAndTime(utc) {
  const time = new Date(utc);
  const today = time.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(region(), { month: today ? undefined : 'short',
    day: today ? undefined : 'numeric', hour: '2-digit', minute: '2-digit',
    hourCycle: 'h23' }).format(time);
}

/**
 * A length of time in words: "4 h 10 min", "12 s".
 * @param {number} seconds
 * @returns {string}
 */
export function span(seconds) {
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60];
  if (days) return t('span.days', { d: days, h: hours });
  if (hours) return t('span.hours', { h: hours, m: minutes });
  if (minutes) return t('span.minutes', { m: minutes, s: whole % 60 });
  return t('span.seconds', { s: whole });
}
