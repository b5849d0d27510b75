"""A real RTSP camera that can be killed and frozen, and a network line that can be made bad."""

import asyncio
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

SYSTEM_PYTHON = "/usr/bin/python3"
HOST = "127.0.0.1"
ANSWER_S = 10.0  # how long a child or thread may take for what takes it milliseconds
UP_S = 60.0  # GStreamer's very first start looks through all its plugins
TICK_S = 0.002  # how soon a changed setting acts on what the proxy holds
HELD = 8192  # pieces that the proxy holds per direction; then the sender has to wait

_NEEDED = """
import gi; gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
raise SystemExit(not all(map(Gst.ElementFactory.find, "appsrc x264enc rtph264pay".split())))
"""


@cache
def system_python_with_gst() -> str | None:
    """The system's Python if it can serve RTSP; no wheel brings that."""
    with suppress(FileNotFoundError, subprocess.CalledProcessError):
        command = [SYSTEM_PYTHON, "-I", "-c", _NEEDED]
        subprocess.run(command, check=True, capture_output=True, timeout=UP_S)
        return SYSTEM_PYTHON
    return None


def free_port() -> int:
    """A port to listen on, again and again: none that an outgoing connection may get meanwhile."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port


class RtspServer:
    """A camera at `url` in a process of its own; it keeps its port when it comes back."""

    def __init__(
        self,
        *,
        size: str = "640x360",
        fps: int = 15,
        user: str | None = None,
        password: str | None = None,
        codec: str = "h264",
    ) -> None:
        self.port = free_port()
        self.userinfo = "" if user is None else f"{quote(user, '')}:{quote(password or '', '')}@"
        self.url = f"rtsp://{self.userinfo}{HOST}:{self.port}/cam"
        self._size, self._fps = size, fps
        self._options = [f"--codec={codec}"]
        if user is not None:
            self._options += [f"--user={user}", f"--password={password or ''}"]
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it listens."""
        script = Path(__file__).with_name("rtsp_server.py")
        what = [f"--port={self.port}", f"--size={self._size}", f"--fps={self._fps}"]
        command = [SYSTEM_PYTHON, "-I", str(script), *what, *self._options]
        pipe = subprocess.PIPE
        with tempfile.TemporaryFile("w+") as said:
            self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, text=True)
            assert self._child.stdout is not None
            ready, _, _ = select.select([self._child.stdout], [], [], UP_S)
            if not ready or self._child.stdout.readline() != "up\n":
                self.kill()
                said.seek(0)
                raise RuntimeError(f"no RTSP server on port {self.port}: {said.read()}")

    def kill(self) -> None:
        """Ends it without a goodbye (SIGKILL), also when it is paused. Can be called again."""
        child, self._child = self._child, None
        if child is not None:
            with child:  # closes its pipes
                child.kill()
                child.wait(ANSWER_S)

    def pause(self) -> None:
        """Freezes it: connections stay open, and nothing comes. Returns when it stands still."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Goes on with the picture of now."""
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)

    def restart(self, *, size: str | None = None, fps: int | None = None) -> None:
        """Comes back at the same port, with pictures of another size or rate if that is given."""
        self.kill()
        self._size, self._fps = size or self._size, fps or self._fps
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class _EndedError(Exception):
    """One side has hung up, and all that came before has been passed on."""


_Held = asyncio.Queue[tuple[float, bytes | None]]  # when it came, what; None is the end


class FaultProxy:
    """A line to an RTSP server on loopback, at `url`, that is as bad as its attributes say.

    They can be set at any time from any thread, and act on what is on its way, too. A server that
    is gone resets connections here; `refuse` is a port where nobody listens.

    Attributes:
        delay_s: how much later each piece arrives; their order stays.
        bytes_per_s: how much gets through in each direction; None for all.
        mute: nothing gets through, neither data nor ends, until it is False; then all of it does.
        corrupt: share of wrong bytes in the server's packets; RTSP text and lengths stay whole.
        accepted: connections so far.
    """

    def __init__(self, target_port: int, *, userinfo: str = "", seed: int = 0) -> None:
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self.mute = False
        self.corrupt = 0.0
        self.accepted = 0
        self.port = free_port()
        self.url = f"rtsp://{userinfo}{HOST}:{self.port}/cam"
        self._target_port = target_port
        self._chance = random.Random(seed)
        self._listener: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._faults: list[BaseException] = []  # of this class; close() raises the first
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._loop.run_until_complete(self._listen(True))
        self._thread.start()

    @property
    def refuse(self) -> bool:
        """Whether nobody listens at the port; connections that are open stay."""
        return self._listener is None

    @refuse.setter
    def refuse(self, wanted: bool) -> None:
        self._run(self._listen(not wanted))

    def cut(self) -> None:
        """Resets all connections (RST); what was on its way is lost."""
        self._run(self._cut())

    def close(self) -> None:
        """Cuts, listens no more and joins the thread. Can be called again."""
        if not self._loop.is_closed():
            self._run(self._listen(False))
            self._run(self._cut())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(ANSWER_S)
            self._loop.close()
            if self._faults:
                raise self._faults[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:  # what follows is on the thread
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)

    async def _listen(self, wanted: bool) -> None:
        if wanted and self._listener is None:
            self._listener = await asyncio.start_server(self._accept, HOST, self.port)
        elif not wanted and self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _cut(self) -> None:
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        await asyncio.sleep(0)  # asyncio closes the sockets in its next round

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = self._loop.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._forget)

    def _forget(self, link: asyncio.Task[None]) -> None:
        self._links.discard(link)
        if not link.cancelled() and (fault := link.exception()) is not None:
            self._faults.append(fault)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one side hangs up or it is cut."""
        sides, reset = [writer], True
        try:
            while self.mute:
                await asyncio.sleep(TICK_S)
            answers, server = await asyncio.open_connection(HOST, self._target_port)
            sides.append(server)
            async with asyncio.TaskGroup() as group:
                for source, target in ((_pieces(reader), server), (self._frames(answers), writer)):
                    held = _Held(HELD)
                    group.create_task(_take(source, held))
                    group.create_task(self._give(held, target))
        except* _EndedError:
            reset = False
        except* OSError:
            pass  # the reset below tells the other side
        finally:
            for side in sides:
                _hang_up(side, reset=reset)

    async def _give(self, held: _Held, target: asyncio.StreamWriter) -> None:
        """Passes each piece on when its time has come."""
        target.transport.set_write_buffer_limits(0)  # what is on its way is in `held`
        free_s = 0.0  # when the line is through with the piece before
        while True:
            came_s, piece = await held.get()
            while self.mute or time.monotonic() < max(came_s + self.delay_s, free_s):
                await asyncio.sleep(TICK_S)
            if piece is None:
                raise _EndedError
            if self.bytes_per_s is not None:
                free_s = max(free_s, time.monotonic() - TICK_S) + len(piece) / self.bytes_per_s
            target.write(piece)
            await target.drain()

    async def _frames(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """RTSP text as it is, and between it packets: `$`, channel, length (2), the packet."""
        try:
            while True:
                head = await reader.readexactly(4)
                yield head
                if head.startswith(b"$"):
                    packet = await reader.readexactly(int.from_bytes(head[2:], "big"))
                    yield self._corrupted(packet)
                    continue
                text = await reader.readuntil(b"\r\n\r\n")
                yield text
                length = re.search(rb"(?im)^content-length: *(\d+)", text)
                yield await reader.readexactly(int(length[1]) if length else 0)
        except asyncio.IncompleteReadError as end:
            yield end.partial

    def _corrupted(self, packet: bytes) -> bytes:
        draw, share = self._chance, self.corrupt
        if not share:
            return packet
        return bytes(b ^ draw.randrange(1, 256) if draw.random() < share else b for b in packet)


async def _pieces(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while piece := await reader.read(65536):
        yield piece


async def _take(source: AsyncIterator[bytes], held: _Held) -> None:
    with suppress(OSError):  # a lost connection ends like another: behind all that came before
        async for piece in source:
            await held.put((time.monotonic(), piece))
    await held.put((time.monotonic(), None))


def _hang_up(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset and not writer.transport.is_closing():
        at_once = struct.pack("ii", 1, 0)  # linger for 0 s: RST instead of FIN
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()
    writer.close()
