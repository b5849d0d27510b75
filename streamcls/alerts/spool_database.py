"""An SQLite file that this process alone has, written through to the disk.

Write-ahead log with synchronous=FULL: what a transaction wrote is there after a power cut.
"""

import fcntl
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from streamcls.errors import OutputPathError

_BUSY_S = 1.0  # how long to wait where somebody else looks into the file
_TABLE = (
    "CREATE TABLE IF NOT EXISTS messages (seq INTEGER PRIMARY KEY, at_s REAL NOT NULL,"
    " gap INTEGER NOT NULL, size INTEGER NOT NULL, body TEXT NOT NULL)"
)


def locked(path: Path) -> BinaryIO:
    """A file beside the spool's that nobody else has locked; closing it unlocks it.

    Raises:
        OutputPathError: somebody has, or there can't be one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise OutputPathError(f"{path}: no place for a spool: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise OutputPathError(
            f"{path}: another process has this spool; give each its own folder"
        ) from error
    return file


def connect(path: Path) -> sqlite3.Connection:
    """A sound file of ours.

    Raises:
        sqlite3.Error: it can't be had, or `is_damage` says that it is no spool.
    """
    # One thread at a time has it, but not always the same.
    db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        db.execute(_TABLE)
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(messages)")]
        if columns != ["seq", "at_s", "gap", "size", "body"]:
            raise sqlite3.DatabaseError("it has another table of this name")
    except sqlite3.Error:
        db.close()
        raise
    return db


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is to blame, or holds something else than ours; not the disk it is on."""
    # What is raised in here has no code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def set_aside(path: Path) -> str:
    """Renames a file, for whoever wants to look into it; only the latest is kept.

    Returns:
        Its new name.
    """
    aside = f"{path.name}.damaged"
    for ending in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).replace(path.with_name(aside + ending))
    return aside
