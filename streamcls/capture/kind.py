"""What makes a module of this folder a kind of source: its `SOURCE`, one of these two."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from streamcls.capture.connection import Connection
from streamcls.protocols import Source


class Open(Protocol):
    """Opens a recording."""

    def __call__(
        self, path: Path, *, camera: str, start_s: float | None, duration_s: float | None
    ) -> Source:
        """Under a camera's name, from a media time on, for so many seconds of it.

        Raises:
            SourceNotFoundError, SourceError: it can't be read.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A source that has an end, and is read without loss.

    Attributes:
        open: opens it.
        describe: what it is and what reads it, as pairs for people; raises the same as `open`.
    """

    open: Open
    describe: Callable[[Path], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """Where a live source is.

    Attributes:
        text: what to open, its scheme in small letters; with user and password, if any.
        shown: for messages: as the user wrote it, variables by their names, passwords masked.
    """

    text: str = field(repr=False)
    shown: str


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """How a live source is reached.

    Attributes:
        transport: "tcp" or "udp", for RTSP.
        connect_timeout_s, read_timeout_s: how long it may be silent.
        wait: waits so many seconds, and says whether the run has been stopped meanwhile.
    """

    transport: str
    connect_timeout_s: float
    read_timeout_s: float
    wait: Callable[[float], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """A source that goes on for ever, and may be lost and come back.

    Attributes:
        connector: gives what makes a connection to an address; raises SettingsError for one that
            can't be right.
        camera: a name for rows, without any secret; raises the same.
        is_here: whether it is at this machine, so that people want to see it in a window.
    """

    connector: Callable[[Address, Reach], Callable[[], Connection]]
    camera: Callable[[Address], str]
    is_here: bool = False
