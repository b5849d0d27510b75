"""What can happen to a site, each as a function that makes it happen and looks on.

Used by the tests, and by scripts/drill_plant.py for a table with longer times.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.plant import until
from tests.integration.plant_events import Account, account, at_s, torn
from tests.integration.plant_site import NAMES, NEVER, Site

__all__ = ["at_s", "torn"]

RECOVERY_S = 90.0  # after a long outage the next try may be a minute away
Rates = dict[str, float]


@dataclass(slots=True)
class Seen:
    """Labels a second of each camera before, during and after a fault of some."""

    fault: str
    hit: tuple[str, ...]
    before: Rates = field(default_factory=dict)
    during: Rates = field(default_factory=dict)
    after: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens, to which cameras, and how it ends; `settle` waits until all is well again."""

    name: str
    hit: tuple[str, ...]
    begin: Callable[[], None]
    end: Callable[[], None]
    settle: Callable[[], None]


def put_through(
    site: Site,
    fault: Fault,
    seconds: float,
    *,
    edges: bool = True,
    during_s: float | None = None,
) -> Seen:
    """Makes it happen, and counts labels meanwhile.

    Args:
        site: where.
        fault: what happens.
        seconds: how long it lasts, and how long to look before and after.
        edges: whether to look before and after.
        during_s: how long it lasts, if not that.
    """
    seen = Seen(fault.name, fault.hit)
    if edges:
        seen.before = site.run.watch(NAMES, seconds)
    fault.begin()
    seen.during = site.run.watch(NAMES, seconds if during_s is None else during_s)
    fault.end()
    fault.settle()
    if edges:
        seen.after = site.run.watch(NAMES, seconds)
    return seen


def killed(site: Site, name: str) -> Fault:
    """A camera is killed."""
    camera = site.cameras[name]
    return Fault("killed", (name,), camera.kill, lambda: camera.restart(), lambda: back(site, name))


def hanging(site: Site, name: str) -> Fault:
    """A camera stands still; its connection stays open."""
    camera = site.cameras[name]
    return Fault("hangs", (name,), camera.pause, camera.resume, lambda: back(site, name))


def flooding(site: Site, name: str, *, fps: int = 60) -> Fault:
    """A camera comes back with many times the frames."""
    camera = site.cameras[name]

    def begin() -> None:
        camera.restart(fps=fps)
        back(site, name)

    return Fault(
        f"floods ({fps} fps)",
        (name,),
        begin,
        lambda: camera.restart(fps=15),
        lambda: back(site, name),
    )


def full_disk(site: Site, disk: Path) -> Fault:
    """The disk of one camera's outputs is full."""
    filler = disk / "filler"

    def is_full() -> bool:
        fill(filler)  # again: what is deleted makes room
        return csv_failed(site, "dock")

    return Fault(
        "disk full",
        ("dock",),
        lambda: until(is_full, "the dock's CSV fails"),
        filler.unlink,
        lambda: until(lambda: not csv_failed(site, "dock"), "the dock's CSV is back"),
    )


def fill(filler: Path) -> None:
    """Leaves no room on a disk."""
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(64))


def csv_failed(site: Site, camera: str) -> bool:
    """Whether a camera's rows are not written."""
    return site.run.scrape().value("output_failed", camera=camera, output="csv") > 0


def receivers_down(site: Site, seconds: float) -> Fault:
    """Nobody takes events, and meanwhile the run is killed and started again."""

    def begin() -> None:
        site.broker.down()
        site.receiver.down()
        site.run.watch(NAMES, seconds / 2)
        site.kill(time.time())
        half = torn(site.files())
        assert not half, half
        site.run.start("-vv")
        back(site, *NAMES)

    def end() -> None:
        site.broker.up()
        site.receiver.up()

    def settle() -> None:
        until(lambda: delivered(site), "all events delivered", within_s=RECOVERY_S)

    return Fault("receivers away, kill -9", (), begin, end, settle)


def delivered(site: Site) -> bool:
    """Whether nothing waits any more."""
    return site.run.scrape().value("events_waiting") == 0


def changed_settings(site: Site) -> Fault:
    """One camera is changed, one removed and one added; then all is as before."""
    before = site.settings
    press = {**site.camera("press"), "postprocess": {"top_k": 2}}
    other = {**site.camera("press"), "camera": "annex"}
    kept = [one for one in before["cameras"] if one["camera"] not in ("press", "attic")]

    def apply(settings: dict[str, object]) -> None:
        count = site.run.scrape().value("reloads_total", result="applied")
        site.settings = settings
        site.run.write_settings(settings)
        until(
            lambda: site.run.scrape().value("reloads_total", result="applied") > count,
            "other settings are applied",
        )
        back(site, "press")

    return Fault(
        "other settings",
        ("press",),
        lambda: apply({**before, "cameras": [*kept, press, other]}),
        lambda: apply(before),
        lambda: back(site, "press"),
    )


def back(site: Site, *cameras: str) -> None:
    """Returns when all of these give labels again."""
    for camera in cameras:
        site.run.wait_for_state(camera, "ok")
    site.run.wait_for_rows(*cameras)


def accounts(site: Site, cameras: tuple[str, ...] = (*NAMES, *NEVER)) -> dict[str, Account]:
    """What became of the events of some cameras at each receiver, when all that can come has."""
    before_s = time.time()
    with suppress(AssertionError):  # what is missing then is said by the caller
        until(
            lambda: all(one.is_right for one in _accounts(site, cameras, before_s).values()),
            "every event has arrived",
            within_s=RECOVERY_S,
        )
    return _accounts(site, cameras, before_s)


def _accounts(site: Site, cameras: tuple[str, ...], before_s: float) -> dict[str, Account]:
    wanted = site.recorded(cameras)
    came = {"MQTT": site.by_mqtt(), "webhook": site.by_webhook()}
    return {
        name: account(
            [one for one in messages if one["camera"] in cameras],
            wanted,
            before_s=before_s,
            unsure_s=site.killed_s,
        )
        for name, messages in came.items()
    }
