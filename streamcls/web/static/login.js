// The form of /login in the reader's theme; its language is the server's choice.
(function () {
  'use strict';
  var saved = null;
  try {
    saved = localStorage.getItem('streamcls.theme');
  } catch (error) {
    saved = null; // storage is forbidden here: the system's choice is good enough
  }
  var dark = saved === 'dark' ||
    (saved !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
