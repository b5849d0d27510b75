"""Messages on disk, in order, until their receiver has them: an outage or a restart loses none.

What was appended survives `kill -9` and a power cut. While the disk takes nothing, messages are
kept in memory, and written when it does again.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from streamcls.alerts.message import Message, gap_for
from streamcls.alerts.spool_file import Bounds, Entry, SpoolFile
from streamcls.closing import Closing
from streamcls.errors import OutputError

__all__ = ["Counts", "Entry", "Spool"]

log = logging.getLogger(__name__)

_IN_MEMORY = 1000  # messages at most, while the disk takes none


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What waits in a spool and how much of it, and how many it has had to let go since opened.

    `waiting` has the gaps in it; `in_memory` of them are not on the disk, because it takes nothing,
    and not in `bytes`.
    """

    waiting: int
    bytes: int
    lost: int
    in_memory: int


class Spool(Closing):
    """Messages for one receiver, bounded. Any thread may append; one takes them out.

    Where too many wait the oldest go, and a message of type "gap" stands in their place.

        with Spool(folder / "mqtt.spool") as spool:
            spool.append(message)
            entry = spool.first()
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = 64_000_000,
        max_messages: int = 100_000,
        max_age_s: float | None = None,
    ) -> None:
        """Opens it with what waits in it, or makes it and its folder.

        A damaged file is set aside, and a gap with an unknown number stands for what was in it.

        Args:
            path: of the file; others beside it have its name and more.
            max_bytes, max_messages: how much may wait.
            max_age_s: for how long, by the system's clock.

        Raises:
            OutputPathError: it can't be put there, or another process has it.
        """
        self._path = path
        self._file = SpoolFile(path, Bounds(max_bytes, max_messages, max_age_s))
        self._changed = threading.Condition()
        self._held: deque[Entry] = deque()  # not written yet, behind all that is
        self._done: set[int] = set()  # taken out, but still in the file
        self._taken: Entry | None = None  # on its way, so it is not let go
        self._ages = max_age_s is not None
        self._news = self._troubled = self._closed = False
        self._lost = 0

    def append(self, message: Message) -> None:
        """Puts a message behind the others; on the disk when this returns, if that takes anything.

        Raises:
            OutputError: the spool is closed.
        """
        with self._changed:
            if self._closed:
                raise OutputError(f"{self._path}: this spool is closed")
            self._held.append(Entry(self._file.next_seq(), message))
            self._write()
            self._news = True
            self._changed.notify_all()

    def first(self) -> Entry | None:
        """The oldest, None where nothing waits; the same one until it is done."""
        with self._changed:
            self._news = False
            if self._taken is None and not self._closed:
                if self._held or self._done or self._ages:
                    self._write()
                self._taken = self._oldest()
            return self._taken

    def done(self, entry: Entry) -> None:
        """Takes the first out: its receiver has it."""
        with self._changed:
            if self._closed or self._taken is None or self._taken.seq != entry.seq:
                return
            self._taken = None
            if self._held and self._held[0].seq == entry.seq:
                self._held.popleft()
            else:
                self._done.add(entry.seq)
                self._write()

    def wait(self, timeout_s: float) -> None:
        """Waits for a message that came after the last `first`, or until `wake`."""
        with self._changed:
            self._changed.wait_for(lambda: self._news, timeout_s)

    def wake(self) -> None:
        """Ends a `wait`, now or the next; any thread."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def counts(self) -> Counts:
        """How it stands; any thread."""
        with self._changed:
            waiting = self._file.waiting - len(self._done) + len(self._held)
            return Counts(waiting, self._file.size, self._lost, len(self._held))

    def close(self) -> None:
        """Closes the file; what waits is there next time. Can be called again."""
        with self._changed:
            if self._closed:
                return
            self._write()
            self._closed = self._news = True
            self._file.close()
            self._changed.notify_all()
            if self._held:
                log.warning("%s: %d messages never got to the disk", self._path, len(self._held))

    def _oldest(self) -> Entry | None:
        try:
            found = self._file.oldest(self._done)
        except OutputError as error:  # what is in memory comes after what is in the file
            self._trouble(error)
            return None
        return found or (self._held[0] if self._held else None)

    def _write(self) -> None:
        """Brings the file up to date, or keeps in memory what it is to be told."""
        keep = self._taken.seq if self._taken else None
        try:
            self._lost += self._file.change(self._done, self._held, keep=keep)
        except OutputError as error:
            self._trouble(error)
            self._bound_memory()
            return
        if self._troubled:
            self._troubled = False
            log.info("%s: the disk takes messages again", self._path)
        self._done.clear()
        self._held.clear()

    def _trouble(self, error: OutputError) -> None:
        if not self._troubled:
            self._troubled = True
            log.warning("%s; messages are kept in memory meanwhile", error)

    def _bound_memory(self) -> None:
        """Merges the oldest in memory to a gap where there are too many."""
        if len(self._held) <= _IN_MEMORY:
            return
        taken = self._taken is not None and self._held[0].seq == self._taken.seq
        one, other = self._held[taken], self._held[taken + 1]
        del self._held[taken]
        missing = (one.message, other.message)
        self._held[taken] = Entry(other.seq, gap_for(missing))
        self._lost += sum(message.type != "gap" for message in missing)
