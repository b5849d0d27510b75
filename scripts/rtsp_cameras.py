"""Many RTSP cameras on loopback, /cam0, /cam1, …, at little cost; run with the system's Python.

    /usr/bin/python3 scripts/rtsp_cameras.py PORT CAMERAS FPS FILE…

Each plays one of the files again and again, H.264 that was encoded beforehand: a byte count in four
bytes, big-endian, before each access unit. Says "up" when it listens, and ends when its standard
input is closed.
"""

import random
import struct
import sys
from pathlib import Path
from typing import Any

import gi  # type: ignore[import-not-found]

for name in ("Gst", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: E402

PIPELINE = (
    "( appsrc name=camera is-live=true do-timestamp=true format=time block=false max-buffers=30"
    " leaky-type=downstream caps=video/x-h264,stream-format=byte-stream,alignment=au"
    " ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def access_units(file: Path) -> list[bytes]:
    """The pictures of a file, encoded."""
    data, at, units = file.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        units.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return units


class Camera(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]
    """One of them; it begins anew for whoever comes first."""

    def __init__(self, units: list[bytes], fps: int) -> None:
        """Plays these at this rate."""
        super().__init__()
        self._units, self._interval_ms = units, round(1000 / fps)
        self.set_shared(True)
        self.set_launch(PIPELINE)

    def do_configure(self, media: Any) -> None:
        """Pictures at an even rate, each camera at moments of its own."""
        source, shown = media.get_element().get_child_by_name("camera"), 0

        def push() -> bool:
            nonlocal shown
            unit = self._units[shown % len(self._units)]
            shown += 1
            flow = source.emit("push-buffer", Gst.Buffer.new_wrapped(unit))
            return bool(flow == Gst.FlowReturn.OK)

        def begin() -> bool:
            GLib.timeout_add(self._interval_ms, push)
            return False

        GLib.timeout_add(random.randrange(self._interval_ms), begin)


def main() -> None:
    """Serves until standard input is closed."""
    port, cameras, fps, *files = sys.argv[1:]
    Gst.init(None)
    clips = [access_units(Path(file)) for file in files]
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    for number in range(int(cameras)):
        camera = Camera(clips[number % len(clips)], int(fps))
        server.get_mount_points().add_factory(f"/cam{number}", camera)
    server.attach(None)
    print("up", flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IO_HUP, lambda *_: loop.quit())
    loop.run()


if __name__ == "__main__":
    main()
