"""What every kind of live source does: one connection, which gives shots until it is lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from streamcls.records import Fault, Picture


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """What a connection gives for one frame.

    Attributes:
        picture: decoded, or (H, W, 3) uint8 BGR, read-only; None where none came out.
        arrived_ns: `time.monotonic_ns` at which it was handed over.
        began_ns: when its first data was here, where that is known to be earlier; else None.
        media_s: when it was taken by the source's own clock, or None where that is unknown.
        fault: what the decoder says is wrong: "undecodable", "corrupt" (parts are made up) or
            "incomplete" (there was no whole key frame yet); or None.
    """

    picture: Picture | None = field(repr=False)
    arrived_ns: int
    media_s: float | None = None
    fault: Fault | None = None
    began_ns: int | None = None


class Connection(Protocol):
    """One connection to a live source. All of it runs on the capture thread.

    Making one connects.

    Raises:
        SignalLostError: it can't be had now.
        SourceError: it never can.
    """

    @property
    def description(self) -> str:
        """Codec, size and reader, for people."""
        ...

    def shots(self) -> Iterator[Shot]:
        """Every frame in turn.

        Raises:
            SignalLostError: when the connection is lost, ended, or silent for too long.
        """
        ...

    def close(self) -> None:
        """Lets go of it. Can be called again."""
        ...
