"""What a source's name means, and the one place where sources are opened."""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from streamcls.config.settings import Settings
from streamcls.config.types import with_variables
from streamcls.masking import mask_address
from streamcls.runtime.stop import Stop

if TYPE_CHECKING:
    from streamcls.capture.kind import Address, Live, Recorded
    from streamcls.capture.live import LiveSource
    from streamcls.protocols import Source


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of source: the module of `capture/` whose `SOURCE` it is, and which names it takes."""

    module: str
    live: bool
    takes: Callable[[str], bool]


_DEVICES = ("/dev/video", "/dev/v4l/")
_FILE = Kind("file", False, lambda source: Path(source).expanduser().is_file())
# The first that takes a name has it: a file named `0` is a file. What nothing takes is a file that
# is not there.
KINDS = (
    _FILE,
    Kind("simulated", True, lambda source: source.lower().startswith("sim://")),
    Kind("network_stream", True, lambda source: "://" in source),
    Kind("webcam", True, lambda source: source.isdecimal() or source.startswith(_DEVICES)),
)


def _kind(source: str) -> Kind:
    return next((kind for kind in KINDS if kind.takes(source)), _FILE)


def is_live(source: str) -> bool:
    """Whether a source is a camera or a stream, not a recording."""
    return _kind(source).live


def is_here(source: str) -> bool:
    """Whether a live source is a camera at this machine."""
    return _live(source).is_here


def source_path(settings: Settings) -> Path:
    """A recorded source as a path."""
    return Path(with_variables(settings.source)).expanduser()


def open_recorded(settings: Settings) -> "Source":
    """The recorded source that the settings name.

    Raises:
        SourceNotFoundError: no such file, or not a file.
        SourceError: it can't be read as a video.
    """
    path = source_path(settings)
    return _recorded(settings.source).open(
        path,
        camera=settings.camera or path.stem,
        start_s=settings.sample.start,
        duration_s=settings.sample.duration,
    )


def describe_recorded(settings: Settings) -> list[tuple[str, str]]:
    """What a recorded source is and what reads it, as pairs for people; see `open_recorded`."""
    return _recorded(settings.source).describe(source_path(settings))


def open_live(settings: Settings, stop: Stop) -> "LiveSource":
    """The live source that the settings name; it connects when it is watched.

    Raises:
        SettingsError: see `live_opener`.
    """
    return live_opener(settings, stop)()


def live_opener(settings: Settings, stop: Stop) -> "Callable[[], LiveSource]":
    """What opens the live source that the settings name; its times count from then on.

    Raises:
        SettingsError: an address of a kind that can't be read; said here, before a model loads.
    """
    from streamcls.capture.kind import Reach
    from streamcls.capture.live import LiveSource, Retries, Trust

    how, found = settings.connection, _live(settings.source)
    address = _address(settings)
    reach = Reach(how.transport, how.connect_timeout, how.read_timeout, stop.wait)
    # Frames that may wait are old because of us, which says nothing of the line.
    max_delay_s = math.inf if may_wait(settings) else settings.signal.max_delay
    return partial(
        LiveSource,
        found.connector(address, reach),
        camera=live_camera(settings),
        retries=Retries(how.max_retries, how.retry_for),
        trust=Trust(settings.signal.frozen_after, max_delay_s),
        wait=stop.wait,
    )


def live_camera(settings: Settings) -> str:
    """The name that rows of a live source carry."""
    return settings.camera or _live(settings.source).camera(_address(settings))


def _address(settings: Settings) -> "Address":
    from streamcls.capture.kind import Address

    scheme, separator, rest = with_variables(settings.source).partition("://")
    text = f"{scheme.lower()}{separator}{rest}" if separator else scheme
    return Address(text, shown=mask_address(settings.source))


def may_wait(settings: Settings) -> bool:
    """Whether frames of a live source wait for the classifier instead of giving way."""
    return settings.runtime.queue_policy == "block"


def _recorded(source: str) -> "Recorded":
    from streamcls.capture.kind import Recorded

    found = _module_source(source)
    assert isinstance(found, Recorded)
    return found


def _live(source: str) -> "Live":
    from streamcls.capture.kind import Live

    found = _module_source(source)
    assert isinstance(found, Live)
    return found


def _module_source(source: str) -> object:
    return importlib.import_module(f"streamcls.capture.{_kind(source).module}").SOURCE
