"""The file of a spool: what is put in and taken out, and what has to go where too many wait."""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from streamcls import clock
from streamcls.alerts.message import Message, gap_for, gap_of_unknown
from streamcls.alerts.spool_database import connect, is_damage, locked, set_aside
from streamcls.errors import OutputError, OutputPathError

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """How much may wait: bytes and number of messages, gaps not counted, and for how long."""

    max_bytes: int
    max_messages: int
    max_age_s: float | None


@dataclass(slots=True, eq=False)
class _Totals:
    rows: int = 0  # gaps among them
    messages: int = 0
    size: int = 0  # bytes of the messages

    def count(self, gap: int, size: int, *, times: int) -> None:
        self.rows += times
        if not gap:
            self.messages += times
            self.size += times * size


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A message in a spool; `seq` is its place in the order."""

    seq: int
    message: Message


class SpoolFile:
    """Messages in an SQLite file that this process alone uses. One thread at a time."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        """Opens the file, or makes it and its folder.

        Raises:
            OutputPathError: it can't be had, or another process has it.
        """
        self._path, self._bounds = path, bounds
        self._totals = _Totals()
        self._first_seq = self._last_seq = 0
        self._lock = locked(path)
        try:
            self._db: sqlite3.Connection | None = self._open()
        except (sqlite3.Error, OSError) as error:
            self._lock.close()
            raise OutputPathError(f"{path}: no place for a spool: {error}") from error

    @property
    def waiting(self) -> int:
        """Messages and gaps in it."""
        return self._totals.rows

    @property
    def size(self) -> int:
        """Bytes of the messages in it."""
        return self._totals.size

    def next_seq(self) -> int:
        """The place of one more message, behind all others."""
        self._last_seq += 1
        return self._last_seq

    def change(self, done: Iterable[int], new: Iterable[Entry], *, keep: int | None) -> int:
        """Takes some out, puts some in, and lets the oldest go where too many wait.

        Args:
            done: places of those that are taken out.
            new: what is put in.
            keep: place of one that is not let go, because it is on its way.

        Returns:
            How many were let go.

        Raises:
            OutputError: nothing can be written at the moment; all is as it was.
        """
        done, new = tuple(done), tuple(new)
        return self._transaction(lambda db, totals: self._change(db, totals, done, new, keep))

    def oldest(self, without: Iterable[int]) -> Entry | None:
        """The first in the order, but for those at some places.

        Raises:
            OutputError: it can't be read at the moment.
        """
        passed = set(without)

        def find(db: sqlite3.Connection, _: _Totals) -> Entry | None:
            with closing(db.execute("SELECT seq, body FROM messages ORDER BY seq")) as rows:
                for seq, body in rows:
                    if seq not in passed:
                        return Entry(seq, _read(body))
            return None

        return self._transaction(find)

    def close(self) -> None:
        """Closes the file and lets others have it. Can be called again."""
        if self._db is not None:
            with suppress(sqlite3.Error):  # its log is taken in when it is next opened
                self._db.close()
        self._lock.close()

    def _transaction(self, work: Callable[[sqlite3.Connection, _Totals], T]) -> T:
        """Does `work` wholly or not at all; once more, with a new file, where this is damaged."""
        try:
            if self._db is None:  # there was no place for a new one
                self._db = self._open()
            try:
                return self._attempt(self._db, work)
            except sqlite3.Error as error:
                if not is_damage(error):  # a full disk, say: it may work later
                    raise
                self._db.close()
                self._db = None
                self._db = self._renewed(error)
                return self._attempt(self._db, work)
        except (sqlite3.Error, OSError) as error:
            raise OutputError(f"{self._path}: can't write: {error}") from error

    def _attempt(
        self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection, _Totals], T]
    ) -> T:
        totals = _Totals(self._totals.rows, self._totals.messages, self._totals.size)
        db.execute("BEGIN")
        try:
            found = work(db, totals)
            db.execute("COMMIT")
        except BaseException:  # whatever it is, Ctrl-C too: it is raised again
            with suppress(sqlite3.Error):  # SQLite has rolled back already
                db.execute("ROLLBACK")
            raise
        self._totals = totals
        return found

    def _change(
        self,
        db: sqlite3.Connection,
        totals: _Totals,
        done: tuple[int, ...],
        new: tuple[Entry, ...],
        keep: int | None,
    ) -> int:
        for seq in done:
            _delete(db, totals, seq, seq)
        for entry in new:
            _insert(db, totals, entry)
        gone = self._too_many(db, totals, keep)
        if not gone:
            return 0
        first, last = gone[0].seq, gone[-1].seq
        missing = [entry.message for entry in gone]
        _delete(db, totals, first, last)
        _insert(db, totals, Entry(last, gap_for(missing)))
        return sum(message.type != "gap" for message in missing)

    def _too_many(self, db: sqlite3.Connection, totals: _Totals, keep: int | None) -> list[Entry]:
        """The oldest that have to go, and the gaps between them; none where only gaps would."""
        bounds, gone = self._bounds, []
        too_old_s = clock.epoch_s() - bounds.max_age_s if bounds.max_age_s is not None else 0.0
        messages, size = totals.messages, totals.size
        query = "SELECT seq, at_s, gap, size, body FROM messages WHERE seq > ? ORDER BY seq"
        with closing(db.execute(query, (self._first_seq - 1 if keep is None else keep,))) as rows:
            for seq, at_s, gap, bytes_, body in rows:
                fits = messages <= bounds.max_messages and size <= bounds.max_bytes
                if not gap and fits and at_s >= too_old_s:
                    break
                gone.append(Entry(seq, _read(body)))
                if not gap:
                    messages, size = messages - 1, size - bytes_
        return gone if messages < totals.messages else []

    def _open(self) -> sqlite3.Connection:
        """The file at the path, which is a new one where that is damaged.

        Raises:
            sqlite3.Error, OSError: there can't be one.
        """
        try:
            return self._counted(connect(self._path))
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return self._renewed(error)

    def _renewed(self, error: sqlite3.Error) -> sqlite3.Connection:
        """A new file in place of a damaged one, which is kept for whoever wants to look into it."""
        aside = set_aside(self._path)
        said = "%s: is damaged (%s) and now named %s; what waited in it is not sent"
        log.warning(said, self._path, error, aside)
        db = connect(self._path)
        self._first_seq -= 1  # before what is in memory and was given its place already
        gap = gap_of_unknown("are missing: the file in which they waited is damaged")
        _insert(db, _Totals(), Entry(self._first_seq, gap))
        return self._counted(db)

    def _counted(self, db: sqlite3.Connection) -> sqlite3.Connection:
        """The same, after a look at what is in it."""
        rows, gaps, size, first, last = db.execute(
            "SELECT count(*), total(gap), total(size * (1 - gap)), min(seq), max(seq) FROM messages"
        ).fetchone()
        self._totals = _Totals(rows, rows - int(gaps), int(size))
        self._first_seq = min(self._first_seq, first or 0)
        self._last_seq = max(self._last_seq, last or 0)
        return db


def _insert(db: sqlite3.Connection, totals: _Totals, entry: Entry) -> None:
    body, gap = entry.message.to_json(), entry.message.type == "gap"
    size = len(body.encode())
    row = (entry.seq, clock.epoch_s(), gap, size, body)
    db.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?)", row)
    totals.count(gap, size, times=1)


def _delete(db: sqlite3.Connection, totals: _Totals, first: int, last: int) -> None:
    query = "DELETE FROM messages WHERE seq BETWEEN ? AND ? RETURNING gap, size"
    for gap, size in db.execute(query, (first, last)).fetchall():
        totals.count(gap, size, times=-1)


def _read(body: str) -> Message:
    """What stands in a row; a gap for what can't be read, as from another version."""
    try:
        return Message.from_json(body)
    except ValueError:
        return replace(gap_of_unknown("can't be read any more"), lost=1)
