/** The device's camera in a dialog: a live picture, a shutter, and the other camera. */

import { button, el, icon, setText } from './dom.js';
import { t } from './i18n.js';

const REASONS = { NotAllowedError: 'shutter.denied', NotFoundError: 'shutter.none',
  NotReadableError: 'shutter.in_use' };

function end(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function shoot(video) {
  const canvas = el('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  return new Promise((resolve) => {
    canvas.toBlob((blob) => {
      const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
      resolve(new File([blob], `photo-${stamp}.jpg`, { type: 'image/jpeg' }));
    }, 'image/jpeg', 0.92);
  });
}

function build() {
  const video = el('video', { playsinline: true, autoplay: true, 'aria-label': t('shutter.live') });
  video.muted = true;
  const message = el('p', { class: 'shutter-message', role: 'status', text: t('shutter.wait') });
  const close = button('', () => dialog.close(), { icon: 'close', kind: 'quiet square',
    label: t('close') });
  const swap = button(t('shutter.swap'), null, { icon: 'swap', hidden: true });
  const shutter = el('button', { type: 'button', class: 'shutter', disabled: true,
    'aria-label': t('shutter.take'), title: t('shutter.take') }, icon('photo'));
  const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'shutter-title' },
    el('div', { class: 'dialog-head' }, el('h2', { id: 'shutter-title', text: t('shutter.title') }),
      close),
    el('div', { class: 'shutter-view' }, video, message),
    el('div', { class: 'shutter-row' }, el('span'), shutter, swap));
  return { dialog, video, message, swap, shutter };
}

/** Starts one of the cameras and returns its stream; says in the dialog why it does not. */
async function start(parts, constraints) {
  parts.shutter.disabled = true;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: constraints });
    parts.video.srcObject = stream;
    await parts.video.play();
    setText(parts.message, '');
    parts.shutter.disabled = false;
    parts.shutter.focus();
    return stream;
  } catch (error) {
    if (!parts.dialog.open) return null; // closed while it started
    setText(parts.message, t(REASONS[error.name] ?? 'shutter.failed'));
    return null;
  }
}

async function otherCameras(stream) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const used = stream?.getVideoTracks()[0]?.getSettings().deviceId;
  const cameras = devices.filter((device) => device.kind === 'videoinput');
  const place = cameras.findIndex((device) => device.deviceId === used);
  return cameras.length > 1 ? cameras[(place + 1) % cameras.length] : null;
}

/**
 * Opens the dialog; it closes with the shutter.
 * @param {function(File)} onPhoto
 * @param {AbortSignal} signal closes it, too
 */
export async function openCamera(onPhoto, signal) {
  const parts = build();
  const { dialog, video, swap, shutter } = parts;
  let stream = null;
  let next = null;
  const use = async (constraints) => {
    end(stream);
    stream = await start(parts, constraints);
    if (!dialog.open) {
      end(stream);
      return;
    }
    next = await otherCameras(stream);
    swap.hidden = next === null;
  };
  dialog.addEventListener('close', () => {
    end(stream);
    video.srcObject = null;
    dialog.remove();
  });
  shutter.addEventListener('click', async () => {
    shutter.disabled = true;
    const photo = await shoot(video);
    dialog.close();
    onPhoto(photo);
  });
  swap.addEventListener('click', () => use({ deviceId: { exact: next.deviceId } }));
  signal.addEventListener('abort', () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  await use({ facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 960 } });
}
