"""What a service tells systemd: that it is up, how it goes, that it is alive. Elsewhere, nothing.

The protocol is that of sd_notify(3): one datagram of `NAME=value` lines to the Unix socket that
NOTIFY_SOCKET names. Any thread may send; the main process must, unless the unit says otherwise.
"""

import logging
import os
import socket
from collections.abc import Callable

from streamcls import clock
from streamcls.masking import mask

_SEND_S = 1.0  # systemd reads at once; a full socket must not hold up a camera

log = logging.getLogger(__name__)


def ready(status: str) -> None:
    """Start-up, or a reload, is over; `status` is what `systemctl status` shows."""
    notify(f"READY=1\n{_status(status)}")


def status(text: str) -> None:
    """How it goes, in a line for people."""
    notify(_status(text))


def reloading() -> None:
    """Settings are read anew until `ready`; the time tells systemd which request this answers."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={clock.now_ns() // 1000}")


def stopping() -> None:
    """The end has begun: outputs are being finished."""
    notify("STOPPING=1")


def alive() -> None:
    """The sign of life that is due every `watchdog_interval_s`."""
    notify("WATCHDOG=1")


def notify(text: str) -> None:
    """Sends lines as they are; does nothing where no service manager listens.

    One that can't be reached costs a warning and no more: the cameras go on.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket, which has no file
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.settimeout(_SEND_S)
            to.connect(address)
            to.sendall(text.encode())
    except OSError as error:
        log.warning("systemd can't be told %s: %s", text.partition("\n")[0], error)


def watchdog_interval_s() -> float | None:
    """Seconds between signs of life: half of what the unit's WatchdogSec allows, None without."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # meant for the process that started this one
    if not allowed.isdecimal() or int(allowed) == 0:
        return None
    return int(allowed) / 2e6


def _status(text: str) -> str:
    return f"STATUS={mask(' '.join(text.split()))}"


class Watchdog:
    """Gives the signs of life when they are due."""

    def __init__(self) -> None:
        """The first one is due at once, if any is."""
        self._interval_s, self._next_s = watchdog_interval_s(), clock.now_s()

    def look(self, is_alive: Callable[[], bool]) -> None:
        """Gives one if it is due and there is life; to be called a few times a second."""
        now_s = clock.now_s()
        if self._interval_s is not None and now_s >= self._next_s and is_alive():
            self._next_s = now_s + self._interval_s
            alive()
