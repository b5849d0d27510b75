"""An RTSP camera on loopback, path /cam; run with the system's Python, which has GStreamer.

    /usr/bin/python3 rtsp_server.py --port 8554 --size 640x360 --fps 15

Says "up" when it listens, and ends when its standard input is closed: no test run that was killed
leaves one behind. Coloured stripes move, so that no two pictures in turn are alike and no large
part has one colour.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import gi  # type: ignore[import-not-found]

for name in ("Gst", "GstRtsp", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import (  # type: ignore[import-not-found] # noqa: E402
    GLib,
    Gst,
    GstRtsp,
    GstRtspServer,
)

# A key frame each second. threads=1 and zerolatency: no frame waits in the encoder.
ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max={fps}"
    " ! rtph264pay name=pay0 pt=96",
    "h264-slices": "x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max={fps}"
    " option-string=slices=4 ! rtph264pay name=pay0 pt=96",
    "h264-reordered": "x264enc speed-preset=veryfast threads=1 key-int-max={fps} bframes=2"
    " rc-lookahead=4 ! video/x-h264,profile=main ! rtph264pay name=pay0 pt=96",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max={fps}"
    " ! rtph265pay name=pay0 pt=96",
    "mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}
SOURCE = (
    "appsrc name=camera is-live=true do-timestamp=true format=time block=false"
    " max-buffers=4 leaky-type=downstream"
    " caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"
)
# Width of each plane's stripes, and by how much they move per picture and lean per line. The widths
# have no common factor: the same picture comes again only after 160 * 99 * 97 of them.
LUMA, BLUE, RED = (160, 7, 2), (99, 4, 1), (97, 5, 3)
STALE_S = 0.5


def pictures(width: int, height: int) -> Iterator[bytes]:
    """Pictures in I420 without end."""
    half = (width // 2, height // 2)
    planes = (plane(width, height, LUMA), plane(*half, BLUE), plane(*half, RED))
    while True:
        yield b"".join(next(each) for each in planes)


def plane(width: int, height: int, stripes: tuple[int, int, int]) -> Iterator[bytes]:
    """Slanted stripes, each a ramp around 128, that move along."""
    across, step, lean = stripes
    ramp = bytes(128 - across // 2 + k % across for k in range(width + across))
    for n in count():
        starts = ((n * step + y * lean) % across for y in range(height))
        yield b"".join(ramp[start : start + width] for start in starts)


class Camera:
    """Gives pictures at a steady rate to whatever GStreamer has prepared for the clients."""

    def __init__(self, width: int, height: int, fps: int) -> None:
        self._pictures = pictures(width, height)
        self._interval_s = 1 / fps
        self._source: Any = None  # the newest: a shared factory has one medium at a time
        self._due_s = time.monotonic()

    def attach(self, _factory: object, medium: Any) -> None:
        """Called for each medium that is made: for the first client, and again after the last."""
        self._source = medium.get_element().get_by_name("camera")

    def shoot(self) -> bool:
        """Gives one picture and sets the time of the next."""
        if self._source is not None:
            buffer = Gst.Buffer.new_wrapped(next(self._pictures))
            self._source.emit("push-buffer", buffer)  # one that is shut down just refuses it
        self._due_s += self._interval_s
        now_s = time.monotonic()
        if now_s - self._due_s > STALE_S:  # it was stopped: a camera makes up for nothing
            self._due_s = now_s
        GLib.timeout_add(max(0, round((self._due_s - now_s) * 1000)), self.shoot)
        return bool(GLib.SOURCE_REMOVE)


def lock(server: Any, factory: Any, user: str, password: str) -> None:
    """Lets in `user` only, by digest authentication, as most cameras do."""
    role = "viewer"
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, role)
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role(role)
    for right in (
        GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS,
        GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
    ):
        permissions.add_permission_for_role(role, right, True)
    factory.set_permissions(permissions)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--size", default="640x360", help="for mjpeg multiples of 8")
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--codec", choices=list(ENCODERS), default="h264")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    width, height = map(int, given.size.split("x"))
    Gst.init(None)
    camera = Camera(width, height, given.fps)
    factory = GstRtspServer.RTSPMediaFactory()
    launch = f"( {SOURCE} ! {ENCODERS[given.codec]} )"
    factory.set_launch(launch.format(width=width, height=height, fps=given.fps))
    factory.set_shared(True)
    factory.connect("media-configure", camera.attach)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(given.port))
    server.get_mount_points().add_factory("/cam", factory)
    if given.user is not None:
        lock(server, factory, given.user, given.password)
    if not server.attach(None):
        sys.exit(f"cannot listen on 127.0.0.1:{given.port}")
    loop = GLib.MainLoop()
    GLib.io_add_watch(
        sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_HUP, lambda *_: loop.quit()
    )
    GLib.timeout_add_seconds(5, lambda: server.get_session_pool().cleanup() >= 0)
    camera.shoot()
    print("up", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
