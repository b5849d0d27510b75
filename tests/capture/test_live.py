import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from streamcls.capture.connection import Shot
from streamcls.capture.live import Backoff, LiveSource, Retries, Trust
from streamcls.errors import SignalLostError, SourceError
from streamcls.records import Image, LiveFrame, Lost

pytestmark = pytest.mark.alone

BEGUN_S = 1000.0
FPS = 10
UTC_S = 1.7e9  # what the wall clock says at BEGUN_S


class Clock:
    """Both clocks of `time`; they move only when somebody waits or a shot arrives."""

    def __init__(self) -> None:
        self.now_ns = round(BEGUN_S * 1e9)

    def monotonic_ns(self) -> int:
        return self.now_ns

    def time(self) -> float:
        return UTC_S + self.now_ns / 1e9 - BEGUN_S


class FakeConnection:
    """Gives shots, and raises where an exception stands among them, or at the end."""

    description = "fake, 32x24"

    def __init__(self, items: list[Shot | Exception]) -> None:
        self.items = items
        self.clock: Clock | None = None
        self.closed = 0

    def shots(self) -> Iterator[Shot]:
        assert self.clock is not None
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            self.clock.now_ns = max(self.clock.now_ns, item.arrived_ns)
            yield item
        raise SignalLostError("the stream ended")

    def close(self) -> None:
        self.closed += 1


Plan = list[FakeConnection | Exception]


class Bench:
    """A source whose tries to connect go as planned; the run is stopped when the plan is done."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waits_s: list[float] = []
        self.tries = 0
        self.plan: Plan = []
        self.open_when_connecting: list[int] = []
        self._made: list[FakeConnection] = []

    def connect(self) -> FakeConnection:
        self.tries += 1
        self.open_when_connecting.append(sum(not made.closed for made in self._made))
        planned = self.plan.pop(0)
        if isinstance(planned, Exception):
            raise planned
        self._made.append(planned)
        planned.clock = self.clock
        return planned

    def wait(self, seconds: float) -> bool:
        if seconds:
            self.waits_s.append(seconds)
        self.clock.now_ns += round(seconds * 1e9)
        return not self.plan

    def source(self, *plan: FakeConnection | Exception, **options: Any) -> LiveSource:
        self.plan = list(plan)
        given: dict[str, Any] = {
            "camera": "door",
            "retries": Retries(),
            "trust": Trust(frozen_after_s=0, max_delay_s=0.5),
            "backoff": Backoff(chance=lambda: 0.0),
        } | options
        return LiveSource(self.connect, wait=self.wait, **given)

    def watch(self, *plan: FakeConnection | Exception, **options: Any) -> list[LiveFrame | Lost]:
        return list(self.source(*plan, **options).watch())

    def frames(self, *plan: FakeConnection | Exception, **options: Any) -> list[LiveFrame]:
        return [item for item in self.watch(*plan, **options) if isinstance(item, LiveFrame)]

    def fails(self, *plan: FakeConnection | Exception, **options: Any) -> str:
        with pytest.raises(SourceError) as raised:
            self.watch(*plan, **options)
        assert not isinstance(raised.value, SignalLostError)
        return str(raised.value)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    clock = Clock()
    monkeypatch.setattr("streamcls.clock.time", clock)
    return Bench(clock)


def picture(level: int = 100) -> Image:
    image = np.full((24, 32, 3), level, np.uint8)
    image[::2] += 50
    image.flags.writeable = False
    return image


PICTURE = picture()


def shot(at_s: float, media_s: float | None = None, **more: Any) -> Shot:
    """A shot that arrives so many seconds after the run began."""
    return Shot(**{"picture": PICTURE, "media_s": media_s, **more}, arrived_ns=ns(at_s))


def ns(at_s: float) -> int:
    return round((BEGUN_S + at_s) * 1e9)


def good(start_s: float, end_s: float) -> list[Shot | Exception]:
    """Fresh shots from `start_s` up to and with `end_s`."""
    count = round((end_s - start_s) * FPS) + 1
    return [shot(start_s + i / FPS, i / FPS) for i in range(count)]


def behind(start_s: float, end_s: float, by_s: float) -> list[Shot | Exception]:
    """A second of fresh shots, then a stall, and shots that stay behind by it, up to `end_s`."""
    count = round((end_s - start_s - 1 - by_s) * FPS)
    late = [shot(start_s + 1 + by_s + i / FPS, 1 + i / FPS) for i in range(1, count + 1)]
    return [*good(start_s, start_s + 1), *late]


def lost(reason: str = "refused", *, hold: bool = False) -> SignalLostError:
    return SignalLostError(reason, hold=hold)


def connection(*parts: list[Shot | Exception] | Shot | Exception) -> FakeConnection:
    items: list[Shot | Exception] = []
    for part in parts:
        items.extend(part if isinstance(part, list) else [part])
    return FakeConnection(items)


# -- connecting


def test_the_first_connection_may_fail_like_any_other(bench: Bench) -> None:
    source = bench.source(lost("refused"), connection(good(1, 2)), lost("refused"))
    assert bench.tries == 0
    items = list(source.watch())
    reasons = [item.reason for item in items if isinstance(item, Lost)]
    assert reasons == ["refused", "the stream ended", "refused"]
    assert isinstance(items[0], Lost)
    assert len(items) == 3 + 11


def test_what_it_reads_is_described(bench: Bench) -> None:
    source = bench.source(connection(good(0, 1)))
    assert source.description == ""
    list(source.watch())
    assert source.description == "fake, 32x24"


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_waits_double_up_to_a_minute_less_a_quarter_at_most(share: float) -> None:
    backoff = Backoff(chance=lambda: share)
    waits_s = [backoff.wait_s(hold=False) for _ in range(9)]
    full_s = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert waits_s == pytest.approx([wait_s * (1 - share / 4) for wait_s in full_s])


def test_waits_differ_between_sources() -> None:
    first_s = {Backoff().wait_s(hold=False) for _ in range(200)}
    assert len(first_s) > 100
    assert 0.75 <= min(first_s) < 0.8
    assert 0.95 < max(first_s) <= 1


def test_each_loss_says_how_long_it_waits_and_it_waits_so_long(bench: Bench) -> None:
    items = bench.watch(*[lost() for _ in range(8)])
    said_s = [item.retry_s for item in items if isinstance(item, Lost)]
    assert said_s == [1, 2, 4, 8, 16, 32, 60, 60]
    assert bench.waits_s == said_s


def test_where_trying_soon_is_of_no_use_it_waits_a_minute_at_once(bench: Bench) -> None:
    bench.watch(lost("wrong password", hold=True), lost("wrong password", hold=True), lost())
    assert bench.waits_s == [60, 60, 1]


@pytest.mark.parametrize(("healthy_s", "expected_s"), [(9.9, 4), (10.0, 1), (25.0, 1)])
def test_only_10_healthy_seconds_make_the_next_wait_short(
    bench: Bench, healthy_s: float, expected_s: float
) -> None:
    bench.watch(lost(), lost(), connection(good(10, 10 + healthy_s)), lost())
    assert bench.waits_s[:3] == [1, 2, expected_s]


@pytest.mark.parametrize("fault", ["corrupt", "undecodable", "incomplete"])
def test_a_bad_frame_begins_the_healthy_seconds_anew(bench: Bench, fault: str) -> None:
    bad = shot(16.05, 6.05, fault=fault)
    later: list[Shot | Exception] = [shot(16.1 + i / FPS, 6.1 + i / FPS) for i in range(60)]
    bench.watch(lost(), lost(), connection(good(10, 16), bad, later), lost())
    assert bench.waits_s[:3] == [1, 2, 4]


def test_healthy_seconds_of_two_connections_do_not_add_up(bench: Bench) -> None:
    bench.watch(lost(), connection(good(10, 16)), connection(good(20, 26)), lost())
    assert bench.waits_s == [1, 2, 4, 8]


# -- giving up


def test_it_gives_up_after_so_many_retries(bench: Bench) -> None:
    said = bench.fails(*[lost("refused") for _ in range(9)], retries=Retries(most=2))
    assert said == "door: refused; given up after 3 tries in 3 s"
    assert bench.tries == 3
    assert bench.waits_s == [1, 2]


def test_no_retries_are_one_try(bench: Bench) -> None:
    said = bench.fails(lost("refused"), lost(), retries=Retries(most=0))
    assert said == "door: refused; given up after one try in 0 s"
    assert bench.waits_s == []


def test_a_wait_of_a_minute_is_a_retry_too(bench: Bench) -> None:
    refused = [lost("wrong password", hold=True) for _ in range(9)]
    said = bench.fails(*refused, retries=Retries(most=1))
    assert said == "door: wrong password; given up after 2 tries in 60 s"


def test_it_gives_up_after_so_many_seconds_and_waits_no_longer_than_that(bench: Bench) -> None:
    said = bench.fails(*[lost("refused") for _ in range(9)], retries=Retries(for_s=5))
    assert said == "door: refused; given up after 4 tries in 5 s"
    assert bench.waits_s == [1, 2, 2]


def test_the_time_to_give_up_cuts_the_wait_of_a_minute(bench: Bench) -> None:
    said = bench.fails(*[lost("no such stream", hold=True)] * 3, retries=Retries(for_s=20))
    assert said == "door: no such stream; given up after 2 tries in 20 s"
    assert bench.waits_s == [20]


@pytest.mark.parametrize(
    ("retries", "waits_s", "after"),
    [
        (Retries(most=2), [1, 2], "3 tries in 3 s"),
        (Retries(for_s=4), [1, 2, 1], "4 tries in 4 s"),
    ],
)
def test_after_10_healthy_seconds_retries_count_from_the_first(
    bench: Bench, retries: Retries, waits_s: list[float], after: str
) -> None:
    healthy = [connection(good(start_s, start_s + 10)) for start_s in (10, 30, 50)]
    said = bench.fails(lost(), lost(), *healthy, *[lost("gone")] * 5, retries=retries)
    assert said == f"door: gone; given up after {after}"
    assert bench.waits_s == [1, 2, 1, 1, *waits_s]  # the last loss of a healthy one comes first


def test_short_lived_connections_count_as_tries(bench: Bench) -> None:
    ends = [connection(good(start_s, start_s + 5)) for start_s in (10, 30, 50, 70)]
    said = bench.fails(*ends, retries=Retries(most=2))
    assert said == "door: the stream ended; given up after 3 tries in 40 s"


@pytest.mark.parametrize("where", ["connect", "shots"])
def test_what_is_no_live_video_is_given_up_at_once(bench: Bench, where: str) -> None:
    error = SourceError("a recording of 5.0 s, not a live stream")
    first: FakeConnection | Exception = error
    if where == "shots":
        first = connection(good(0, 1), error)
    said = bench.fails(first, lost(), retries=Retries())
    assert said == "door: a recording of 5.0 s, not a live stream"
    assert bench.tries == 1
    assert bench.waits_s == []


# -- times


def test_what_nobody_foresaw_is_a_loss_like_any_other(bench: Bench) -> None:
    """A reader's own mistake doesn't end the run, and is not shown in full: it may hold secrets."""
    broken = connection(good(0, 1), ValueError("rtsp://anna:geheim@h"))
    items = bench.watch(broken, connection(good(5, 6)))
    (found,) = [item.reason for item in items if isinstance(item, Lost)][:1]
    assert found == "unexpected ValueError"
    assert broken.closed
    assert isinstance(items[-2], LiveFrame)


def test_times_and_index_go_on_across_reconnects(bench: Bench) -> None:
    frames = bench.frames(
        connection(good(0, 3)),
        lost(),
        connection(good(10, 13)),
        connection(good(20, 23)),
    )
    assert [frame.index for frame in frames] == list(range(93))
    assert all(one.captured_ns < following.captured_ns for one, following in pairwise(frames))
    assert all(one.pts_s < following.pts_s for one, following in pairwise(frames))
    assert [frames[i].pts_s for i in (0, 31, 62)] == pytest.approx([0, 10, 20], abs=1e-5)


def test_no_time_is_before_the_run(bench: Bench) -> None:
    frames = bench.frames(connection(shot(0.1, 0.0, began_ns=ns(-2)), shot(0.2, 2.2)))
    assert [frame.pts_s for frame in frames] == pytest.approx([0, 0.2], abs=0.05)
    assert frames[0].pts_s >= 0


@pytest.mark.parametrize("seed", range(10))
def test_times_increase_whatever_arrives(bench: Bench, seed: int) -> None:
    chance = np.random.default_rng(seed)
    arrivals_s = np.cumsum(chance.choice([0, 0, 0.001, 0.1, 0.7], 400)).tolist()
    media_s = chance.choice([-1.0, 0.0, 1.0, 5.0], 400).tolist()
    shots = [shot(*times) for times in zip(arrivals_s, media_s, strict=True)]
    parts = [connection(*shots[i : i + 20]) for i in range(0, 400, 20)]
    frames = bench.frames(*parts)
    assert len(frames) > 200  # some connections stay behind and are given up
    assert all(one.captured_ns < following.captured_ns for one, following in pairwise(frames))
    assert all(one.pts_s < following.pts_s for one, following in pairwise(frames))
    assert frames[0].pts_s >= 0


def test_a_frame_says_when_it_was_captured_by_both_clocks(bench: Bench) -> None:
    frame = bench.frames(connection(shot(2.5, 0.0)))[0]
    assert frame.captured_ns == ns(2.5)
    assert frame.pts_s == pytest.approx(2.5)
    assert frame.captured_utc == pytest.approx(UTC_S + 2.5, abs=1e-3)
    assert frame.picture is PICTURE
    assert (frame.fault, frame.state, frame.reason) == (None, "ok", "")


def test_the_usual_interval_is_the_frames_duration(bench: Bench) -> None:
    frames = bench.frames(connection(good(0, 2)))
    assert frames[0].duration_s == 0
    assert [frame.duration_s for frame in frames[1:]] == pytest.approx([1 / FPS] * 20)


# -- health of the signal


def test_a_frame_that_was_held_up_is_late_and_as_old_as_it_is(bench: Bench) -> None:
    held = shot(8.0, 2.1)  # it should have been here at 2.1
    frames = bench.frames(connection(good(0, 2), held, shot(8.01, 8.01), shot(8.11, 8.11)))
    late, *after = frames[21:]
    assert (late.fault, late.state) == ("late", "late")
    assert late.reason == "held up on its way for 5.9 s"
    assert late.pts_s == pytest.approx(2.1, abs=0.15)
    assert [frame.state for frame in after] == ["ok", "ok"]
    assert after[0].pts_s == pytest.approx(8.01, abs=0.02)
    assert late.captured_utc == pytest.approx(UTC_S + late.pts_s, abs=1e-3)


@pytest.mark.parametrize(("held_s", "fault"), [(0.4, None), (0.9, "late")])
def test_how_long_a_frame_may_be_held_up(bench: Bench, held_s: float, fault: str | None) -> None:
    frame = bench.frames(connection(good(0, 2), shot(2.1 + held_s, 2.1)))[-1]
    assert frame.fault == fault
    assert frame.pts_s == pytest.approx(2.1, abs=0.03)


def test_the_limit_is_the_users(bench: Bench) -> None:
    held = connection(good(0, 2), shot(5.0, 2.1))
    assert bench.frames(held, trust=Trust(0, 4.0))[-1].fault is None


def test_a_burst_after_a_stall_is_late_until_it_has_caught_up(bench: Bench) -> None:
    burst: list[Shot | Exception] = [shot(5 + i / 1000, 2 + i / FPS) for i in range(1, 30)]
    fresh: list[Shot | Exception] = [shot(5.1 + i / FPS, 5.1 + i / FPS) for i in range(5)]
    frames = bench.frames(connection(good(0, 2), burst, fresh))[21:]
    states = [frame.state for frame in frames]
    assert states == sorted(states, key=["late", "ok"].index)
    assert 22 <= states.count("late") <= 26
    assert all(frame.pts_s < 4.6 for frame in frames if frame.state == "late")


def test_a_frame_that_ffmpeg_hands_over_with_the_next_one_only_is_not_late(bench: Bench) -> None:
    slow: list[Shot | Exception] = [
        shot(i + 1.0, float(i), began_ns=ns(float(i))) for i in range(5)
    ]  # one frame a second
    frames = bench.frames(connection(slow))
    assert [frame.fault for frame in frames[1:]] == [None] * 4
    assert [frame.pts_s for frame in frames] == pytest.approx([0, 1, 2, 3, 4], abs=0.1)


def test_a_connection_that_stays_behind_is_given_up_for_a_new_one(bench: Bench) -> None:
    stays = connection(behind(0, 60, 3.0))
    items = bench.watch(stays, connection(good(70, 71)))
    given_up = next(item for item in items if isinstance(item, Lost))
    found = re.fullmatch(r"its pictures stay (\d\.\d) s behind", given_up.reason)
    assert found is not None
    assert float(found[1]) == pytest.approx(3, abs=0.25)
    assert stays.closed
    before = items[: items.index(given_up)]
    assert [item.state for item in before if isinstance(item, LiveFrame)][11:] == ["late"] * 52
    after = [item.state for item in items[len(before) :] if isinstance(item, LiveFrame)]
    assert after == ["ok"] * 11  # what was measured of the old connection is forgotten


def test_one_that_catches_up_is_kept(bench: Bench) -> None:
    twice = [
        *behind(0, 8, 3.0),
        shot(8.1, 8.1),  # it has caught up
        *[shot(11.1 + i / FPS, 8.2 + i / FPS) for i in range(40)],
        shot(15.2, 15.2),
    ]
    items = bench.watch(connection(twice))
    assert [item.reason for item in items if isinstance(item, Lost)] == ["the stream ended"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("undecodable", "data is missing or damaged"),
        ("corrupt", "data is missing or damaged until a key frame comes"),
        ("incomplete", "no whole key frame yet"),
    ],
)
def test_what_the_decoder_says_is_wrong(bench: Bench, fault: str, reason: str) -> None:
    image = None if fault == "undecodable" else PICTURE
    bad = shot(0.1, 0.1, picture=image, fault=fault)
    frames = bench.frames(connection(shot(0, 0.0), bad, shot(0.2, 0.2)))
    assert [frame.fault for frame in frames] == [None, fault, None]
    assert (frames[1].state, frames[1].reason) == ("damaged", reason)
    assert frames[1].picture is image


def test_the_decoders_word_comes_before_lateness(bench: Bench) -> None:
    frame = bench.frames(connection(good(0, 2), shot(9, 2.1, fault="corrupt")))[-1]
    assert frame.fault == "corrupt"


def test_pictures_are_looked_at(bench: Bench) -> None:
    black = np.zeros((24, 32, 3), np.uint8)
    frames = bench.frames(connection(shot(0, 0.0, picture=black), shot(0.1, 0.1)))
    assert [(frame.fault, frame.state) for frame in frames] == [("black", "black"), (None, "ok")]


def test_a_picture_stays_frozen_across_a_reconnect(bench: Bench) -> None:
    frames = bench.frames(connection(good(0, 1.5)), connection(good(5, 6)), trust=Trust(2.0, 0.5))
    states = [frame.state for frame in frames]
    assert states == ["ok"] * 16 + ["frozen"] * 11
    assert [frame.fault for frame in frames] == [None] + ["repeated"] * 26


# -- the end


def test_a_run_that_is_stopped_connects_to_nothing(bench: Bench) -> None:
    assert bench.watch() == []
    assert bench.tries == 0


def test_it_ends_when_the_run_is_stopped_while_it_waits(bench: Bench) -> None:
    items = bench.watch(lost("refused"))
    assert [item.reason for item in items if isinstance(item, Lost)] == ["refused"]
    assert bench.waits_s == [1]
    assert bench.tries == 1


def test_a_consumer_that_has_enough_closes_the_connection(bench: Bench) -> None:
    one = connection(good(0, 5))
    items = bench.source(one, lost()).watch()
    next(items)
    assert one.closed == 0
    items.close()
    assert one.closed == 1


@pytest.mark.parametrize(
    "error",
    [lost("unplugged"), SourceError("no video"), ValueError("a bug"), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_the_connection_is_closed_whatever_ends_it(bench: Bench, error: Exception) -> None:
    one = connection(good(0, 1), error)
    try:
        bench.watch(one)
    except (SourceError, ValueError, MemoryError) as raised:
        assert raised is error or raised.__cause__ is error
    assert one.closed == 1


def test_each_connection_is_closed_before_the_next_one_is_made(bench: Bench) -> None:
    one, other = connection(good(0, 1)), connection(good(5, 6))
    reasons = [item.reason for item in bench.watch(one, lost(), other) if isinstance(item, Lost)]
    assert reasons == ["the stream ended", "refused", "the stream ended"]
    assert bench.open_when_connecting == [0, 0, 0]
    assert (one.closed, other.closed) == (1, 1)
