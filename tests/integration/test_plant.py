"""Four real cameras, a real broker and a real receiver: each fails, and the others don't notice.

All tests share one site, whose processes they stop and start; what is seen is seen from outside.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import _program, leaving_nothing
from tests.integration import plant_faults as faults
from tests.integration.plant import Row, until
from tests.integration.plant_faults import Rates
from tests.integration.plant_site import ASKED, NAMES, NEVER, SECRETS, Site
from tests.integration.rtsp import free_port

pytestmark = pytest.mark.alone

WINDOW_S = 2.5
ENOUGH = 0.85  # of the labels that are asked for, on a busy machine


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, gstreamer: None, converted_demo: None
) -> Iterator[Site]:
    with leaving_nothing(), Site(tmp_path_factory.mktemp("site"), _program("mosquitto")) as site:
        faults.back(site, *NAMES)
        yield site


@pytest.fixture(autouse=True)
def nothing_left_behind(site: Site) -> None:
    """Cameras and runs of the site outlive a test; `site` looks when all have ended."""


def assert_untouched(seen: Rates, *, hit: tuple[str, ...] = ()) -> None:
    few = {n: r for n, r in seen.items() if n not in hit and r < ENOUGH * ASKED[n]}
    assert not few, f"labels/s {few} of {ASKED}"


def assert_consecutive(rows: list[Row]) -> None:
    """In one file, at most a second of frames between two labels."""
    assert len({row.file for row in rows}) == 1
    steps = [b.frame - a.frame for a, b in pairwise(rows)]
    assert min(steps) > 0
    assert max(steps) <= 15, steps


def since(site: Site, name: str, begin_s: float) -> list[Row]:
    return [row for row in site.run.rows(name) if row.captured_s >= begin_s]


def command(site: Site, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "streamcls", *map(str, arguments)],
        cwd=site.run.folder,
        env=os.environ | SECRETS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def written(site: Site, name: str, settings: dict[str, Any]) -> Path:
    path = site.run.folder / name
    path.write_text(yaml.safe_dump(settings))
    return path


# -- cameras


def test_cameras_that_cannot_be_had_cost_the_others_nothing(site: Site) -> None:
    assert_untouched(site.run.watch(NAMES, WINDOW_S))
    scrape = site.run.scrape()
    states = {name: scrape.state(name) for name in (*NAMES, *NEVER)}
    assert states == dict.fromkeys(NAMES, "ok") | dict.fromkeys(NEVER, "no_signal")
    said = site.run.said()
    assert "attic: no signal: connection refused" in said
    assert "cellar: no signal: wrong user or password (401)" in said


@pytest.mark.parametrize("name", NAMES[:2])  # all four: scripts/drill_plant.py
def test_a_camera_that_is_killed_comes_back_and_the_others_go_on(site: Site, name: str) -> None:
    last = site.run.rows(name)[-1]
    fault = faults.killed(site, name)
    seen = faults.put_through(site, fault, WINDOW_S, edges=False)
    assert_untouched(seen.during, hit=fault.hit)
    assert seen.during[name] < 1  # what was on its way
    again = site.run.rows(name)[-1]
    assert again.file == last.file
    assert again.frame > last.frame
    events = json.loads(site.run.files(name, ".json")[-1].read_text())
    states = [event["label"] for event in events if event["kind"] == "state"]
    assert set(states[states.index("ok") : -1]) == {"ok", "no_signal"}
    assert states[-2:] == ["no_signal", "ok"]


def test_a_camera_that_hangs(site: Site) -> None:
    fault = faults.hanging(site, "infeed")
    seen = faults.put_through(site, fault, WINDOW_S, edges=False)
    assert_untouched(seen.during, hit=fault.hit)
    assert seen.during["infeed"] < 1


def test_a_camera_that_floods(site: Site) -> None:
    seen = faults.put_through(site, faults.flooding(site, "dock"), WINDOW_S, edges=False)
    assert_untouched(seen.during)
    assert seen.during["dock"] > 1.5 * ASKED["dock"]  # it is not held back where there is room


# -- settings


def test_broken_settings_are_refused_and_nothing_is_interrupted(site: Site) -> None:
    before = site.run.scrape()
    begin_s = time.time()
    text = yaml.safe_dump(site.settings, sort_keys=False)
    assert "  read_timeout: 3s" in text.replace("    ", "  ")
    broken = text.replace("read_timeout:", "read_timeuot:").replace("- camera: gate", "- camera:")
    lines = broken.splitlines()
    wrong = [at for at, line in enumerate(lines, 1) if "timeuot" in line or line == "- camera:"]
    site.run.write(broken)
    until(lambda: site.run.scrape().value("reloads_total", result="refused"), "they are refused")
    assert_untouched(site.run.watch(NAMES, WINDOW_S))
    said = site.run.said()
    for line in wrong:
        assert f"{site.run.file}:{line}: " in said
    assert "did you mean 'read_timeout'?" in said
    assert "refused; the settings from before stay" in said
    site.run.write(text)  # mended: the same as before
    applied = before.value("reloads_total", result="applied")
    until(
        lambda: site.run.scrape().value("reloads_total", result="applied") > applied,
        "the mended ones are applied",
    )
    assert "applied; no camera is concerned" in site.run.said()
    after = site.run.scrape()
    for name in NAMES:
        assert_consecutive(since(site, name, begin_s))
        was, now = (one.value("connections_total", camera=name) for one in (before, after))
        assert now == was


def test_other_settings_touch_only_the_cameras_that_they_concern(site: Site) -> None:
    fault = faults.changed_settings(site)
    begin_s = time.time()
    fault.begin()
    seen = site.run.watch((*NAMES, "annex"), WINDOW_S)
    assert seen.pop("annex") > 1
    assert_untouched(seen)
    scrape = site.run.scrape()
    assert set(scrape.cameras) == {*NAMES, "annex", "cellar"}
    assert "applied; added: annex; removed: attic; restarted: press" in site.run.said()
    fault.end()
    assert set(site.run.scrape().cameras) == {*NAMES, *NEVER}
    for name in set(NAMES) - {"press"}:
        assert_consecutive(since(site, name, begin_s))
    assert len({row.file for row in since(site, "press", begin_s)}) == 3  # one for each life


def test_a_hang_up_has_the_settings_read_at_once(site: Site) -> None:
    applied = site.run.scrape().value("reloads_total", result="applied")
    begin_s, before = time.time(), site.run.file.stat()
    text = site.run.file.read_text()
    site.run.file.write_text(text.replace("fps: 5.0", "fps: 4.0"))
    # As it was, for who looks at the date only.
    os.utime(site.run.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    site.run.hang_up()
    until(
        lambda: site.run.scrape().value("reloads_total", result="applied") > applied,
        "the settings are read",
    )
    assert "restarted: infeed, press, gate, attic, cellar" in site.run.said()
    assert_consecutive(since(site, "dock", begin_s))  # which says its rate itself
    site.run.write(text)
    site.run.hang_up()
    faults.back(site, *NAMES)


# -- other commands


def test_check_finds_the_dead_camera(site: Site) -> None:
    dead = {"camera": "ghost", "source": f"rtsp://127.0.0.1:{free_port()}/cam"}
    wanted = {**site.settings, "cameras": [site.camera("infeed"), dead]}
    wanted.pop("spool")  # which the run has
    file = written(site, "check.yaml", wanted)
    asked = [command(site, "check", "--config", file, *more) for more in ((), ("--json",))]
    (table, table_err), (text, text_err) = [one.communicate(timeout=100) for one in asked]
    assert [one.returncode for one in asked] == [1, 1], table + table_err + text_err
    lines = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    assert re.search(r"ghost\s+dead\b.*connection refused", lines["ghost"]), table
    assert re.search(r"infeed\s+ok\s+640x360", lines["infeed"]), table
    found = json.loads(text)
    assert [(one["camera"], one["ok"]) for one in found["cameras"]] == [
        ("infeed", True),
        ("ghost", False),
    ]
    assert not found["ok"]
    assert_no_secret(table + table_err + text + text_err)


def test_a_required_camera_that_is_dead_ends_the_run(site: Site) -> None:
    dead = {
        "camera": "ghost",
        "source": f"rtsp://127.0.0.1:{free_port()}/cam",
        "required": True,
        "connection": {"retry_for": "2s"},
    }
    wanted = {"cameras": [site.camera("press") | {"source": site.cameras["press"].url}, dead]}
    file = written(site, "required.yaml", {**wanted, "model": site.settings["model"]})
    child = command(site, "run", "--config", file)
    _, said = child.communicate(timeout=100)
    assert child.returncode == 1, said
    assert re.search(r"ghost: connection refused.*; given up after \d+ tries in \d s", said), said
    assert re.search(r"press: \d+ read = ", said)  # the ledgers are there all the same


# -- receivers, crashes, disks


def test_no_event_is_lost_while_receivers_are_away_and_the_run_is_killed(site: Site) -> None:
    files = {name: set(site.run.files(name, ".csv")) for name in NAMES}
    fault = faults.receivers_down(site, 2 * WINDOW_S)  # which looks for torn lines, too
    seen = faults.put_through(site, fault, WINDOW_S, edges=False)
    assert_untouched(seen.during)
    for name in NAMES:
        assert set(site.run.files(name, ".csv")) > files[name]
    (killed_s,) = site.killed_s
    waited = [
        event
        for event in site.recorded(NAMES)
        if killed_s - WINDOW_S < faults.at_s(event) < killed_s
    ]
    assert len(waited) > 3  # there was something to lose
    for receiver, found in faults.accounts(site).items():
        assert found.is_right, (receiver, found)
        assert found.received > len(waited)


def test_a_full_disk_stops_the_outputs_on_it_only_and_they_come_back(site: Site) -> None:
    if site.disk is None:
        pytest.skip("a small file system can only be mounted by root")
    begin_s, before = time.time(), site.run.rows("dock")[-1].file
    fault = faults.full_disk(site, site.disk)
    seen = faults.put_through(site, fault, WINDOW_S, edges=False)
    assert_untouched(seen.during, hit=fault.hit)
    assert seen.during["dock"] < 1
    assert "dock: csv is written again" in site.run.said()
    for name in ("infeed", "press", "gate"):
        assert_consecutive(since(site, name, begin_s))
    site.run.wait_for_rows("dock")
    assert site.run.rows("dock")[-1].file != before  # what is opened anew is a new one
    half = faults.torn([*site.run.files("dock", ".csv"), *site.run.files("dock", ".jsonl")])
    assert not half, half
    assert site.run.scrape().state("dock") == "ok"


# -- the end of it


def assert_no_secret(text: str) -> None:
    for name, secret in SECRETS.items():
        at = text.find(secret)
        assert at < 0, f"{name} in {text[max(0, at - 80) : at + 20]!r}"


def test_the_run_ends_and_says_its_ledgers(site: Site) -> None:
    kept = site.run.scrape()
    assert site.run.stop() == 0  # as services are told to
    said = site.run.said()
    for name in (*NAMES, *NEVER):
        assert re.search(rf"(?m)^{name}: \d+ read = ", said), name
    assert kept.value("events_lost_total") == 0
    files = site.files()
    assert len(files) > 20
    assert not faults.torn(files)
    for receiver, found in faults.accounts(site, ("infeed", "press", "gate", *NEVER)).items():
        assert found.is_right, (receiver, found)


def test_no_secret_is_anywhere(site: Site) -> None:
    """In outputs, the spool, logs and metrics; those files of the broker that are its own aside."""
    paths = [path for path in site.run.folder.rglob("*") if path.is_file()]
    assert {".csv", ".jsonl", ".json", ".jpg", ".log", ".yaml", ".spool"} <= {
        path.suffix for path in paths
    }
    for path in paths:
        assert_no_secret(path.read_bytes().decode(errors="replace"))
    for text in site.run.scraped:
        assert_no_secret(text)
    assert len(site.run.scraped) > 20
