// A classic script in the head, before the style sheet: theme and language are set before the
// first paint, so that a dark page does not flash white. Modules would come too late.
(function () {
  'use strict';
  var saved = {};
  try {
    saved = { theme: localStorage.getItem('streamcls.theme'),
      language: localStorage.getItem('streamcls.language') };
  } catch (error) {
    saved = {}; // storage is forbidden here: the system's choice is good enough
  }
  var dark = saved.theme === 'dark' ||
    (saved.theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  var language = saved.language || navigator.language || 'en';
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  document.documentElement.lang = /^zh/i.test(language) ? 'zh-Hans' : 'en';
})();
