/** The page's frame: navigation, language, theme, banners; one view at a time. */

import { ask, connectionLost, pause, backOffMs, ConnectionLost, Problem } from './api.js';
import { announce } from './announce.js';
import * as cameras from './cameras.js';
import * as camera from './camera.js';
import { el, icon } from './dom.js';
import { currentLanguage, setLanguage, startLanguage, t, wantNames } from './i18n.js';
import * as pictures from './pictures.js';
import { app, emit, listen } from './store.js';
import * as status from './status.js';
import { createThemeButton } from './theme.js';
import * as videos from './videos.js';

const TABS = [['pictures', 'picture', pictures], ['videos', 'film', videos],
  ['cameras', 'camera', cameras], ['status', 'pulse', status]];
const LOADING_PERIOD_MS = 2000;

let leave = () => {}; // ends the view that is shown
let shownHash = null;

function route() {
  const [tab, ...rest] = location.hash.slice(1).split('/');
  const known = TABS.find(([name]) => name === tab) ?? TABS[0];
  let name = rest.join('/');
  try {
    name = decodeURIComponent(name);
  } catch (error) {
    console.info('not an encoded name:', name, error.message);
  }
  return { tab: known[0], view: known[0] === 'cameras' && name ? camera : known[2], name };
}

function drawFrame() {
  const { tab, name } = route();
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-t-label]')) {
    node.setAttribute('aria-label', t(node.dataset.tLabel));
  }
  document.getElementById('tabs').replaceChildren(...TABS.map(([key, drawing]) => el('a', {
    href: `#${key}`, 'aria-current': key === tab ? 'page' : null },
  icon(drawing), el('span', { text: t(`tab.${key}`) }))));
  document.title = `${tab === 'cameras' && name ? name : t(`tab.${tab}`)} · streamcls`;
  drawBanners();
}

function drawBanners() {
  const say = (id, text) => {
    const node = document.getElementById(id);
    if (node.textContent !== text) node.textContent = text;
  };
  say('banner-connection', connectionLost() ? t('banner.lost') : '');
  say('banner-ready', app.info && !app.info.ready ? t('banner.loading') : '');
}

function drawTools() {
  const other = currentLanguage() === 'en' ? 'zh' : 'en';
  const language = el('button', { type: 'button', class: 'tool', id: 'language',
    lang: other === 'zh' ? 'zh-Hans' : 'en', text: other === 'zh' ? '中文' : 'English',
    onclick: () => setLanguage(other) });
  const logout = app.info?.token ? el('form', { method: 'post', action: '/logout' },
    el('button', { class: 'tool', id: 'logout', title: t('logout'),
      'aria-label': t('logout') }, icon('exit')))
    : null;
  const tools = document.getElementById('tools');
  const focused = tools.contains(document.activeElement) ? document.activeElement.id : '';
  tools.replaceChildren(...[language, createThemeButton(), logout].filter(Boolean));
  if (focused) document.getElementById(focused).focus();
}

function showView({ moveFocus }) {
  const { view, name } = route();
  leave();
  const control = new AbortController();
  leave = () => control.abort();
  const main = document.getElementById('main');
  main.replaceChildren();
  if (!app.info) {
    main.append(el('p', { class: 'empty', text: t('waiting') }));
    return;
  }
  view.mount(main, { name, signal: control.signal });
  if (moveFocus) {
    window.scrollTo(0, 0);
    main.querySelector('h1')?.focus({ preventScroll: true });
  }
}

function onHash() {
  if (location.hash === shownHash) return;
  shownHash = location.hash;
  drawFrame();
  showView({ moveFocus: true });
}

/** What of the server's description changes the views; the rest they read when they need it. */
function shape(info) {
  return JSON.stringify([info?.cameras > 0, info?.folder, info?.token, info?.model?.imagenet]);
}

async function readInfo() {
  const before = shape(app.info);
  const first = app.info === null;
  const wasReady = app.info?.ready;
  app.info = await ask('/api/v1/info');
  drawBanners();
  if (wasReady === false && app.info.ready) announce(t('banner.loaded'));
  wantNames();
  if (first || shape(app.info) !== before) {
    drawTools();
    showView({ moveFocus: false });
  }
}

/** Asks until the server is there and its model is loaded. */
async function watchInfo() {
  for (let failures = 0; ;) {
    let wait = LOADING_PERIOD_MS;
    try {
      await readInfo();
      failures = 0;
      if (app.info.ready) return;
    } catch (error) {
      if (!(error instanceof ConnectionLost) && !(error instanceof Problem)) throw error;
      failures += 1;
      wait = backOffMs(failures);
    }
    await pause(wait);
  }
}

let watching = null;

function watch() {
  watching ??= watchInfo().finally(() => { watching = null; });
}

function start() {
  startLanguage();
  drawTools();
  shownHash = location.hash;
  drawFrame();
  showView({ moveFocus: false });
  listen('language', () => {
    wantNames();
    drawTools();
    drawFrame();
    showView({ moveFocus: false });
  });
  // A view may have nothing to ask for a long time: the frame itself finds the server again.
  listen('connection', ({ lost }) => {
    drawBanners();
    if (lost) watch();
    else announce(t('banner.back'));
  });
  window.addEventListener('hashchange', onHash);
  window.addEventListener('offline', watch);
  for (const name of ['dragover', 'drop']) {
    // A file that is dropped beside a drop zone must not replace the page.
    window.addEventListener(name, (event) => event.preventDefault());
  }
  document.getElementById('skip').addEventListener('click', (event) => {
    event.preventDefault(); // the hash is the route
    document.getElementById('main').focus();
  });
  watch();
}

start();
