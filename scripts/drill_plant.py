"""Puts four real RTSP cameras, a broker and a receiver through every fault, and prints what it did.

    .venv/bin/python scripts/drill_plant.py
    .venv/bin/python scripts/drill_plant.py --soak 60

Needs what the integration tests need (scripts/test installs it); root for the disk that is full.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.integration import plant_faults as faults
from tests.integration.plant_faults import Fault, Rates, Seen
from tests.integration.plant_site import ASKED, NAMES, NEVER, Site

LOOK_S = 5.0
SOAK_LOOK_S = 300.0
WIDTH = 25  # of the fault's name


def head() -> str:
    """What stands above the table."""
    moments = ("before", "during", "after")
    above = "".join(f"{moment:^{7 * len(NAMES)}}" for moment in moments)
    names = "".join(f"{name:>7}" for name in NAMES)
    asked = "".join(f"{ASKED[name]:7.1f}" for name in NAMES)
    return (
        f"labels/s{'':{WIDTH}}{above}\n"
        f"{'fault':{WIDTH}}{'hits':8}{names * 3}\n"
        f"{'asked for':{WIDTH}}{'':8}{asked * 3}"
    )


def line(seen: Seen) -> str:
    """A fault as a line of the table."""
    moments: list[Rates] = [seen.before, seen.during, seen.after]
    rates = "".join(f"{moment[name]:7.1f}" for moment in moments for name in NAMES)
    return f"{seen.fault:{WIDTH}}{', '.join(seen.hit) or '-':8}{rates}"


def events(site: Site) -> Iterator[str]:
    """What became of all events; of the dock's, whose files its full disk cut short, the order."""
    site.run.stop()
    site.run.start()  # it tells what the end of the other left to be told
    others = tuple(name for name in (*NAMES, *NEVER) if name != "dock")
    found = faults.accounts(site, others)
    missing, doubled, wrong, invented = (
        sum(len(getattr(one, what)) for one in found.values())
        for what in ("missing", "doubled", "out_of_order", "invented")
    )
    wanted = max(one.recorded for one in found.values())
    received = ", ".join(f"by {name} {one.received}" for name, one in found.items())
    yield (
        f"events: recorded {wanted}, received {received}, missing {missing}, doubled {doubled}, "
        f"out of order {wrong}"
    )
    if invented:
        yield f"events that no file has: {invented}"
    for name, one in faults.accounts(site, ("dock",)).items():
        wrong = len(one.doubled) + len(one.out_of_order)
        yield f"events of the dock by {name}: {one.received}, doubled or out of order {wrong}"


def drills(site: Site, outage_s: float) -> Iterator[tuple[Fault, float | None]]:
    """Every fault, and how long it lasts where it says that itself."""
    for name in NAMES:
        yield faults.killed(site, name), None
    yield faults.hanging(site, "gate"), None
    yield faults.flooding(site, "dock"), None
    yield faults.changed_settings(site), None
    yield faults.receivers_down(site, outage_s), outage_s / 2
    if site.disk is not None:
        yield faults.full_disk(site, site.disk), None


def soak(site: Site, minutes: float) -> None:
    """Lets it run, and looks at its memory."""
    begun_s = time.monotonic()
    end_s = begun_s + 60 * minutes
    looks_s = [begun_s + 60.0]
    while looks_s[-1] + SOAK_LOOK_S < end_s:
        looks_s.append(begun_s + len(looks_s) * SOAK_LOOK_S)
    print(f"{'minute':>6}{'RSS MB':>8}   labels/s")
    for at_s in [*(one for one in looks_s if one < end_s), end_s]:
        while (left_s := at_s - time.monotonic()) > LOOK_S:
            site.run.scrape()
            time.sleep(min(LOOK_S, left_s - LOOK_S))
        rates = site.run.watch(NAMES, max(1.0, at_s - time.monotonic()))
        said = "".join(f"{rates[name]:7.1f}" for name in NAMES)
        minute = (time.monotonic() - begun_s) / 60
        print(f"{minute:6.1f}{site.run.rss_mb():8.0f}{said}", flush=True)


@contextmanager
def running(model: str) -> Iterator[Site]:
    """A site whose four cameras give labels, in a folder that is deleted in the end."""
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if mosquitto is None:
        raise click.ClickException("mosquitto is not installed; scripts/test installs it")
    with (
        tempfile.TemporaryDirectory() as folder,
        Site(Path(folder), mosquitto, model=model) as site,
    ):
        faults.back(site, *NAMES)
        yield site


@click.command()
@click.option("--seconds", default=20.0, show_default=True, help="Before, during, after a fault.")
@click.option(
    "--outage",
    default=120.0,
    show_default=True,
    help="How long broker and webhook are away; the run is killed in the middle.",
)
@click.option("--model", default="demo", show_default=True)
@click.option("--soak", "minutes", type=float, help="Only run so many minutes, without faults.")
def main(seconds: float, outage: float, model: str, minutes: float | None) -> None:
    """A row for each fault, then what became of the events."""
    with running(model) as site:
        if minutes is not None:
            soak(site, minutes)
            return
        print(head(), flush=True)
        for fault, during_s in drills(site, outage):
            try:
                said = line(faults.put_through(site, fault, seconds, during_s=during_s))
            except AssertionError as error:  # the others are still worth a line
                said = f"{fault.name:{WIDTH}}{', '.join(fault.hit)}: {error}"
            print(said, flush=True)
        if site.disk is None:
            print("disk full: left out, since a small one can't be mounted here")
        for said in events(site):
            print(said, flush=True)


if __name__ == "__main__":
    main()
