"""Snapshots: a JPEG of the first picture of each segment."""

import re
from pathlib import Path

from streamcls import clock
from streamcls.errors import OutputPathError
from streamcls.protocols import Pictured
from streamcls.records import Event, Frame, Result
from streamcls.sinks import jpeg, moments
from streamcls.sinks.files import (
    STDOUT,
    check_folder,
    open_folder,
    probe_room,
    write_whole,
    writing,
)
from streamcls.sinks.output import Output, RunFacts
from streamcls.sinks.retention import Retention
from streamcls.sinks.rotation import plain

# What follows the camera's name.
_REST = r"-[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-.*\.jpg"
_LABEL = 40  # characters: file systems take 255 bytes in a name


class Snapshots(Pictured):
    """Writes a picture for each segment of a label that begins.

    The beginning comes before the result of its frame; where that result gave way to newer ones,
    the next picture is taken, if the segment still lasts.
    """

    every_frame = False

    def __init__(
        self, folder: Path, *, keep_s: float | None = None, keep_bytes: int | None = None
    ) -> None:
        """Makes the folder if it is missing.

        Args:
            folder: for `{camera}-{UTC}-{label}.jpg`; several cameras may share it.
            keep_s, keep_bytes: after how long, and from how much of a camera's on, old pictures
                are deleted; None for never.

        Raises:
            OutputError: it can't be had.
        """
        self._folder = folder
        self._keep_s, self._keep_bytes = keep_s, keep_bytes
        self._begun: dict[str, Event] = {}  # by camera, until their picture comes
        self._retentions: dict[str, Retention] = {}
        self._has_room = False
        open_folder(folder, re.compile(f".+{_REST}"))

    def event(self, event: Event) -> None:
        """Notes that a segment begins, or that it is over."""
        if event.kind != "label":
            return
        if event.end_s is None:
            self._begun[event.camera] = event
        else:
            self._begun.pop(event.camera, None)

    def write(self, result: Result) -> None:
        """Writes the picture if it is the first of a segment.

        Raises:
            OutputError: the disk is full; nothing is left of the picture.
        """
        frame = result.frame
        self._look(frame.camera)
        if not self._has_room:  # known with the first frame: the next segment may be far
            probe_room(self._folder)
            self._has_room = True
        if not frame.image.size:
            return
        event = self._begun.pop(frame.camera, None)
        if event is not None:
            data = jpeg.encoded(frame.image)
            write_whole(self._path(frame, event), data, overwrite=True)
            self._look(frame.camera, added=len(data))

    def _path(self, frame: Frame, event: Event) -> Path:
        utc_s = clock.epoch_s() if frame.captured_utc is None else frame.captured_utc
        stem = f"{plain(frame.camera)}-{moments.compact(utc_s)}-{plain(event.label)[:_LABEL]}"
        path, number = self._folder / f"{stem}.jpg", 1
        with writing(path):
            while path.exists():  # the system's clock was put back
                path = self._folder / f"{stem}-{number}.jpg"
                number += 1
        return path

    def _look(self, camera: str, *, added: int = 0) -> None:
        """Deletes what is too old or too much, of this camera."""
        if self._keep_s is None and self._keep_bytes is None:
            return
        if camera not in self._retentions:
            self._retentions[camera] = Retention(
                self._folder,
                re.compile(re.escape(plain(camera)) + _REST),
                max_age_s=self._keep_s,
                max_bytes=self._keep_bytes,
            )
        self._retentions[camera].look(added=added)

    def close(self) -> None:
        """Each picture is complete; there is nothing to do."""


def _check(option: str, folder: Path) -> None:
    if folder == STDOUT:
        raise OutputPathError(f"{option} -: give a folder")
    check_folder(option, folder)


def _open(folder: Path, run: RunFacts) -> Snapshots:
    return Snapshots(folder, keep_s=run.keep_s, keep_bytes=run.keep_bytes)


OUTPUT = Output(_open, _check, folder=True, pictured=True)
