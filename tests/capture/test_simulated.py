from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from streamcls.capture import simulated
from streamcls.capture.connection import Shot
from streamcls.capture.live import Backoff, LiveSource, Retries, Trust
from streamcls.capture.simulated import FAULTS, Script, SimulatedCamera, Span, parse
from streamcls.errors import SettingsError, SignalLostError
from streamcls.records import Image, LiveFrame, Lost, as_bgr

FPS = 8  # times are exact
SIZE = (64, 48)


class Clock:
    """`time` for the camera; moves only when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 300.0

    def monotonic(self) -> float:
        return self.now_s

    def monotonic_ns(self) -> int:
        return round(self.now_s * 1e9)

    def time(self) -> float:
        return 1.7e9 + self.now_s


class Bench:
    """A camera on a fake clock, for so many seconds."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.begun_s = clock.now_s
        self.until_s = 0.0

    @property
    def at_s(self) -> float:
        return self.clock.now_s - self.begun_s

    def wait(self, seconds: float) -> bool:
        self.clock.now_s += min(seconds, max(0.0, self.until_s - self.at_s))
        return self.at_s >= self.until_s

    def camera(self, query: str, until_s: float = 10.0) -> SimulatedCamera:
        self.until_s = until_s
        script = parse(f"sim://?fps={FPS}&size={SIZE[0]}x{SIZE[1]}&{query}")
        return SimulatedCamera(script, scene, self.wait)

    def taken(self, query: str, until_s: float = 10.0) -> "list[Taken]":
        shots = self.camera(query, until_s).connect().shots()
        return [Taken(self.at_s, shot) for shot in shots]


@dataclass(frozen=True)
class Taken:
    """A shot and when it came, in seconds of the script."""

    at_s: float
    shot: Shot

    @property
    def image(self) -> Image:
        assert self.shot.picture is not None
        return as_bgr(self.shot.picture)

    @property
    def taken_s(self) -> float:
        assert self.shot.media_s is not None
        return self.shot.media_s

    @property
    def number(self) -> int:
        """Of the scene; it is in the upper left pixel."""
        return int(self.image[0, 0, 0]) - 30


def scene(number: int) -> Image:
    image = np.full((24, 32, 3), 200, np.uint8)
    image[..., 0] = 30 + number % 200
    image[::2, ::3, 1] = 90
    return image


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    clock = Clock()
    monkeypatch.setattr("streamcls.clock.time", clock)
    return Bench(clock)


def meanwhile(taken: list[Taken]) -> list[Taken]:
    return [one for one in taken if 2 <= one.at_s < 5]


def otherwise(taken: list[Taken]) -> list[Taken]:
    return [one for one in taken if one not in meanwhile(taken)]


# -- the address


def test_nothing_asked_for_is_an_ordinary_camera() -> None:
    assert parse("sim://") == Script(fps=30, width=1280, height=720, still=False, spans=())


def test_everything_can_be_asked_for() -> None:
    script = parse("sim://?fps=12.5&size=640x480&still=1&drop_at=20&drop_for=2.5&stall_at=10")
    assert (script.fps, script.width, script.height, script.still) == (12.5, 640, 480, True)
    assert set(script.spans) == {Span("drop", 20, 22.5), Span("stall", 10, 15)}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_a_short_form(name: str) -> None:
    assert parse(f"sim://?{name}=3").spans == (Span(name, 3, 8),)
    assert parse(f"sim://?{name}=3&{name}_for=1") == parse(f"sim://?{name}_at=3&{name}_for=1")


@pytest.mark.parametrize(("value", "still"), [("1", True), ("0", False)])
def test_still(value: str, still: bool) -> None:
    assert parse(f"sim://?still={value}").still is still


@pytest.mark.parametrize(
    "query",
    [
        "size=640",
        "size=axb",
        "size=640x480x3",
        "size=15x480",
        "size=640x9000",
        "size=",
        "fps=fast",
        "fps=",
        "fps=0",
        "fps=-5",
        "fps=1001",
        "fps=nan",
        "stall_at=soon",
        "stall=",
        "stall_at=3&stall_for=long",
    ],
)
def test_a_wrong_value_is_one_line_with_the_address(query: str) -> None:
    address = f"sim://?{query}"
    with pytest.raises(SettingsError) as raised:
        parse(address)
    assert str(raised.value).startswith(f"{address}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "key", ["stal", "stall_to", "FPS", "size_at", "fps_for", "_at", "password"]
)
def test_an_unknown_key_is_named_with_those_there_are(key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(f"sim://?fps=5&{key}=3")
    said = str(raised.value)
    assert f"no such key '{key}'; there are fps, size, still, stall, " in said
    assert "\n" not in said


# -- the camera


def test_it_says_what_it_is(bench: Bench) -> None:
    connection = bench.camera("").connect()
    assert connection.description == "simulated camera, 64x48, 8 fps"
    connection.close()
    connection.close()


def test_frames_come_in_real_time(bench: Bench) -> None:
    taken = bench.taken("", until_s=3)
    due_s = [i / FPS for i in range(3 * FPS)]
    assert [one.at_s for one in taken] == due_s
    assert [one.taken_s for one in taken] == due_s
    assert [one.shot.arrived_ns for one in taken] == [300e9 + at_s * 1e9 for at_s in due_s]
    assert np.diff([one.number for one in taken]).tolist() == [1] * (3 * FPS - 1)
    assert {one.image.shape for one in taken} == {(48, 64, 3)}
    assert not any(one.image.flags.writeable for one in taken)
    assert {one.shot.fault for one in taken} == {None}


def test_a_busy_reader_gets_fresh_frames(bench: Bench) -> None:
    shots = bench.camera("", until_s=10).connect().shots()
    ages_s = []
    for shot in shots:
        assert shot.media_s is not None
        ages_s.append(bench.at_s - shot.media_s)
        bench.clock.now_s += 0.55
    assert len(ages_s) == pytest.approx(10 / 0.55, abs=2)
    assert max(ages_s) <= 1 / FPS + 1e-6


def test_a_still_scene_never_changes(bench: Bench) -> None:
    taken = bench.taken("still=1", until_s=2)
    assert len(taken) == 2 * FPS
    assert all(np.array_equal(one.image, taken[0].image) for one in taken)


def test_stall(bench: Bench) -> None:
    taken = bench.taken("stall_at=2&stall_for=3")
    assert meanwhile(taken) == []
    held, following = [one for one in taken if one.at_s >= 5][:2]
    assert held.at_s == 5
    assert held.taken_s == 2  # as old as the stall
    assert held.shot.arrived_ns == 305e9
    assert following.taken_s == 5
    assert len(taken) == (2 + 5) * FPS + 1


def test_lag(bench: Bench) -> None:
    taken = bench.taken("lag_at=2&lag_for=3")
    assert meanwhile(taken) == []
    burst = [one for one in taken if one.at_s == 5]
    assert [one.taken_s for one in burst] == [2 + i / FPS for i in range(3 * FPS + 1)]
    assert [one.taken_s for one in taken] == [i / FPS for i in range(10 * FPS)]


def test_freeze(bench: Bench) -> None:
    taken = bench.taken("freeze_at=2&freeze_for=3")
    frozen = meanwhile(taken)
    assert len(frozen) == 3 * FPS
    assert all(np.array_equal(one.image, frozen[0].image) for one in frozen)
    assert len({one.number for one in otherwise(taken)}) == 7 * FPS


@pytest.mark.parametrize(
    ("fault", "line", "colour"),
    [("black", 0, (4, 4, 4)), ("grey", 24, (130, 130, 130)), ("green", 24, (0, 135, 0))],
)
def test_plain_colours(bench: Bench, fault: str, line: int, colour: tuple[int, int, int]) -> None:
    taken = bench.taken(f"{fault}_at=2&{fault}_for=3")
    assert len(meanwhile(taken)) == 3 * FPS
    for one in meanwhile(taken):
        assert (one.image[line:] == colour).all()
        assert not (one.image[:line] == colour).all(axis=2).any()  # that half is the scene's
    for one in otherwise(taken):
        assert not (one.image == colour).all(axis=2).any()


def test_corrupt(bench: Bench) -> None:
    taken = bench.taken("corrupt_at=2&corrupt_for=3")
    assert {one.shot.fault for one in meanwhile(taken)} == {"corrupt"}
    assert {one.shot.fault for one in otherwise(taken)} == {None}


def test_slow(bench: Bench) -> None:
    taken = bench.taken("slow_at=2&slow_for=4", until_s=8)
    slow = [one.at_s for one in taken if 2 <= one.at_s < 6]
    assert slow == [2 + 4 * i / FPS for i in range(FPS)]
    assert all(one.taken_s == one.at_s for one in taken)
    assert len(taken) == (2 + 1 + 2) * FPS


def test_resize(bench: Bench) -> None:
    taken = bench.taken("resize_at=2&resize_for=3")
    assert {one.image.shape for one in meanwhile(taken)} == {(24, 32, 3)}
    assert {one.image.shape for one in otherwise(taken)} == {(48, 64, 3)}


@pytest.mark.parametrize(
    ("fault", "reason", "hold"),
    [("drop", "connection refused", False), ("deny", "wrong user or password", True)],
)
def test_broken_and_refused_meanwhile(bench: Bench, fault: str, reason: str, hold: bool) -> None:
    camera = bench.camera(f"{fault}_at=2&{fault}_for=3")
    with pytest.raises(SignalLostError, match=reason) as raised:
        list(camera.connect().shots())
    assert raised.value.hold is hold
    assert bench.at_s == 2
    bench.wait(2.875)
    with pytest.raises(SignalLostError, match=reason):
        camera.connect()
    bench.wait(0.25)
    again = next(iter(camera.connect().shots()))
    assert again.media_s == 5.125  # the script's clock went on


def test_faults_can_be_on_at_once(bench: Bench) -> None:
    taken = bench.taken(
        "black_at=2&black_for=3&resize_at=3&resize_for=1&corrupt_at=4&corrupt_for=1"
    )
    at = {one.at_s: one for one in taken}
    assert (at[2.5].image.max(), at[2.5].image.shape, at[2.5].shot.fault) == (4, (48, 64, 3), None)
    assert (at[3.5].image.max(), at[3.5].image.shape, at[3.5].shot.fault) == (4, (24, 32, 3), None)
    assert (at[4.5].image.max(), at[4.5].shot.fault) == (4, "corrupt")
    assert at[5.5].image.max() > 4


@pytest.mark.parametrize("fault", ["", "stall", "lag", "slow"])
def test_it_ends_when_the_run_is_stopped(bench: Bench, fault: str) -> None:
    taken = bench.taken(f"{fault}_at=1&{fault}_for=500" if fault else "", until_s=2)
    assert bench.at_s == 2
    assert len(taken) <= 2 * FPS


# -- what a live source makes of it


def watched(bench: Bench, query: str, until_s: float) -> Iterator[tuple[float, LiveFrame | Lost]]:
    connect: Callable[[], simulated.SimulatedConnection] = bench.camera(query, until_s).connect
    source = LiveSource(
        connect,
        camera="sim",
        retries=Retries(),
        trust=Trust(frozen_after_s=1, max_delay_s=0.5),
        wait=bench.wait,
        backoff=Backoff(chance=lambda: 0.0),
    )
    for item in source.watch():
        yield bench.at_s, item


@pytest.mark.parametrize(
    ("fault", "faults", "states"),
    [
        ("stall", {"late"}, {"late"}),
        ("lag", {"late"}, {"late"}),
        ("freeze", {"repeated"}, {"ok", "frozen"}),
        ("black", {"black"}, {"black"}),
        ("grey", {"damaged"}, {"damaged"}),
        ("green", {"damaged"}, {"damaged"}),
        ("corrupt", {"corrupt"}, {"damaged"}),
        ("slow", set(), set()),
        ("resize", set(), set()),
        ("drop", set(), set()),
        ("deny", set(), set()),
    ],
)
def test_each_fault_is_seen_and_over_when_it_is(
    bench: Bench, fault: str, faults: set[str], states: set[str]
) -> None:
    until_s = 80 if fault == "deny" else 20
    items = list(watched(bench, f"{fault}_at=2&{fault}_for=3", until_s))
    frames = [(at_s, item) for at_s, item in items if isinstance(item, LiveFrame)]
    bad = [frame for _, frame in frames if frame.fault is not None]
    assert {frame.fault for frame in bad} == faults
    assert {frame.state for frame in bad} == states
    good = [frame for _, frame in frames if frame.fault is None]
    assert sum(frame.pts_s < 2 for frame in good) == 2 * FPS
    assert all(frame.fault is None for at_s, frame in frames if at_s > 5.3)
    assert max(frame.pts_s for frame in good) > until_s - 0.2
    losses = [(at_s, item.retry_s) for at_s, item in items if isinstance(item, Lost)]
    expected = {"drop": [(2, 1), (3, 2)], "deny": [(2, 60)]}.get(fault, [])
    assert losses == [pytest.approx(loss) for loss in expected]
