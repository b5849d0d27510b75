"""A folder of pictures with what the model said of them beside each, kept within limits.

Each picture is a `.jpg` and a `.json` of the same name. Both are written aside and moved into
place, the `.json` last, and it goes first when they are deleted: whoever goes by the `.json` files
finds whole pairs, also after `kill -9`.
"""

import json
import logging
import re
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from streamcls import clock
from streamcls.sinks import moments
from streamcls.sinks.files import open_folder, probe_room, write_whole, writing

log = logging.getLogger(__name__)

Note: TypeAlias = Mapping[str, object]  # what stands in a `.json`

_HASHES = 500  # pictures that a new one is compared with
_HASH = "dhash"
_LABEL = "label"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: pictures, bytes of all together, and for how many seconds."""

    count: int
    bytes: int
    age_s: float


@dataclass(frozen=True, slots=True)
class _Entry:
    """A picture that is kept: its name without ending, its moment and its bytes, both files."""

    stem: str
    utc_s: float
    bytes: int


class Collection:
    """The pictures of one camera, oldest first, known without looking into the folder each time."""

    def __init__(self, folder: Path, camera: str, limits: Limits) -> None:
        """Reads what is there, and makes the folder if it is missing.

        Args:
            folder: of this camera alone.
            camera: what all names begin with.
            limits: how much is kept.

        Raises:
            OutputError: it can't be had, or the disk is full.
        """
        self._folder = folder
        self._camera = camera
        self._limits = limits
        self._warned = False
        ours = rf"{re.escape(camera)}-([0-9]{{8}}T[0-9]{{6}}\.[0-9]{{3}}Z)-.+"
        open_folder(folder, re.compile(ours))
        with writing(folder):
            found = _found(folder, re.compile(rf"({ours})\.(?:jpg|json)"))
        self._entries = deque(sorted(found, key=lambda entry: (entry.utc_s, entry.stem)))
        self._bytes = sum(entry.bytes for entry in self._entries)
        newest = list(self._entries)[-_HASHES:]
        hashes = (_hash(_note(folder / f"{entry.stem}.json") or {}) for entry in newest)
        self._hashes = deque((one for one in hashes if one is not None), maxlen=_HASHES)
        self.trim()
        probe_room(folder)

    def has_like(self, dhash: int, bits: int) -> bool:
        """Whether one of the latest pictures differs in no more than so many bits."""
        return any((dhash ^ other).bit_count() <= bits for other in self._hashes)

    def add(self, jpg: bytes, note: Note, *, utc_s: float, reason: str, dhash: int) -> None:
        """Keeps a picture, and lets go of the oldest ones for it.

        Raises:
            OutputError: the disk is full; nothing is left of the picture.
        """
        stem = f"{self._camera}-{moments.compact(utc_s)}-{reason}"
        picture, beside = (self._folder / f"{stem}{ending}" for ending in (".jpg", ".json"))
        about = {**note, _HASH: f"{dhash:016x}", _LABEL: None}
        text = json.dumps(about, ensure_ascii=False, indent=2) + "\n"
        write_whole(picture, jpg, overwrite=True)
        try:
            write_whole(beside, text, overwrite=True)
        except BaseException:  # raised again
            with suppress(OSError):
                picture.unlink(missing_ok=True)
            raise
        self._entries.append(_Entry(stem, utc_s, len(jpg) + len(text.encode())))
        self._bytes += self._entries[-1].bytes
        self._hashes.append(dhash)
        self.trim()

    def trim(self) -> None:
        """Deletes the oldest pictures that are too many, too large together, or too old.

        Those that somebody has given a label are somebody's work: they stay, and count no more.
        What can't be deleted counts no more, either, and is said once.
        """
        limits, oldest_s = self._limits, clock.epoch_s() - self._limits.age_s
        while self._entries and (
            len(self._entries) > limits.count
            or self._bytes > limits.bytes
            or self._entries[0].utc_s < oldest_s
        ):
            entry = self._entries.popleft()
            self._bytes -= entry.bytes
            self._delete(entry.stem)

    def _delete(self, stem: str) -> None:
        picture, beside = (self._folder / f"{stem}{ending}" for ending in (".jpg", ".json"))
        note = _note(beside)
        if note is None or note.get(_LABEL) is not None:
            return
        try:
            beside.unlink(missing_ok=True)
            picture.unlink(missing_ok=True)
        except OSError as error:
            if not self._warned:
                self._warned = True
                log.warning("%s: can't be deleted: %s", picture, error.strerror or error)


def _found(folder: Path, names: re.Pattern[str]) -> Iterable[_Entry]:
    """What earlier runs have kept. A picture without its note counts, too, so it goes in time."""
    sizes: dict[str, int] = {}
    moment: dict[str, float] = {}
    for path in folder.iterdir():
        named = names.fullmatch(path.name)
        if named is None:
            continue
        with suppress(ValueError, FileNotFoundError):  # no date, or somebody has deleted it
            moment[named[1]] = moments.from_compact(named[2])
            sizes[named[1]] = sizes.get(named[1], 0) + path.stat().st_size
    return [_Entry(stem, moment[stem], size) for stem, size in sizes.items()]


def _note(path: Path) -> Note | None:
    """What stands in a `.json`: nothing if it is not there, None if people have changed it all."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _hash(note: Note) -> int | None:
    text = note.get(_HASH)
    try:
        return int(text, 16) if isinstance(text, str) else None
    except ValueError:
        return None
