import random
from collections.abc import Iterable
from itertools import pairwise

import pytest

from streamcls.capture.delay import Delay

FPS = 30
STALL_S = 5.0

Times = list[tuple[float, float | None]]  # (arrived, taken) in seconds


def delays(times: Iterable[tuple[float, float | None]]) -> list[float]:
    delay = Delay()
    return [delay.of(arrived_s, media_s) for arrived_s, media_s in times]


def fresh(frames: int, *, media: bool = True, fps: float = FPS, start_s: float = 100.0) -> Times:
    """Each frame arrives when it was taken; the source's clock begins at 7."""
    return [(start_s + i / fps, 7 + i / fps if media else None) for i in range(frames)]


def after(times: Times, *steps: tuple[float, float | None]) -> Times:
    """The times, and on from there: so much later by our clock and by the source's."""
    found = list(times)
    for gap_s, passed_s in steps:
        arrived_s, media_s = found[-1]
        taken_s = None if passed_s is None or media_s is None else media_s + passed_s
        found.append((arrived_s + gap_s, taken_s))
    return found


@pytest.mark.parametrize("media", [True, False])
@pytest.mark.parametrize("fps", [5, 30, 120])
def test_fresh_frames_have_none(media: bool, fps: float) -> None:
    assert max(delays(fresh(200, media=media, fps=fps))[2:]) == pytest.approx(0, abs=1e-6)


def test_the_first_frame_has_none() -> None:
    assert Delay().of(1e6, 3.0) == 0
    assert Delay().of(1e6, None) == 0


def test_a_frame_held_back_is_as_old_as_the_stall_and_the_next_one_is_fresh() -> None:
    times = after(fresh(60), (STALL_S, 1 / FPS), (0.001, STALL_S - 1 / FPS + 0.001), (1 / 30,) * 2)
    *before, held, following, last = delays(times)
    assert max(before) == pytest.approx(0, abs=1e-6)
    assert held == pytest.approx(STALL_S - 1 / FPS, rel=0.03)
    assert following == pytest.approx(0, abs=0.01)
    assert last == pytest.approx(0, abs=0.01)


def test_a_pause_of_the_camera_itself_delays_nothing() -> None:
    times = after(fresh(60), (STALL_S, STALL_S), (1 / FPS, 1 / FPS))
    assert delays(times)[-2:] == pytest.approx([0, 0], abs=1e-6)


def test_in_a_burst_after_a_stall_each_frame_is_less_late() -> None:
    held = round(STALL_S * FPS)
    burst = [(STALL_S, 1 / FPS), *[(0.001, 1 / FPS)] * (held - 1)]
    found = delays(after(fresh(60), *burst, *[(1 / FPS, 1 / FPS)] * 30))
    late = found[60 : 60 + held]
    assert late[0] == pytest.approx(STALL_S - 1 / FPS, rel=0.03)
    assert all(later < earlier for earlier, later in pairwise(late))
    assert max(found[60 + held :]) < 0.2  # the burst itself took 150 ms


def test_without_the_sources_times_a_burst_declines_too_and_ends_with_an_ordinary_wait() -> None:
    burst = [(STALL_S, None), *[(0.001, None)] * 4]
    found = delays(after(fresh(60, media=False), *burst, *[(1 / FPS, None)] * 3))
    late = found[60:65]
    assert late[0] == pytest.approx(STALL_S - 1 / FPS)
    assert all(later < earlier for earlier, later in pairwise(late))
    assert late[-1] == pytest.approx(STALL_S - 1 / FPS - 4 * (1 / FPS - 0.001))
    assert found[65:] == [0, 0, 0]


def test_without_the_sources_times_uneven_frames_are_no_stall() -> None:
    gaps_s = [(gap_s, None) for gap_s in (0.05, 0.02, 0.08, 0.03, 0.033, 0.07, 0.025)]
    assert max(delays(after(fresh(60, media=False), *gaps_s))) == 0


def test_a_line_that_is_too_slow_hands_over_ever_older_pictures() -> None:
    # A throttled line: what takes 1/30 s comes in 1/15 s. After 3 s it is 1.5 s behind.
    found = delays(after(fresh(60), *[(1 / 15, 1 / 30)] * 45))
    assert found[-1] == pytest.approx(1.5, rel=0.05)


@pytest.mark.parametrize("rate", [0.996, 0.999, 1.001, 1.015])
def test_clocks_that_differ_a_little_are_no_delay(rate: float) -> None:
    times = [(i / FPS, i / FPS * rate) for i in range(60 * 60 * FPS)]
    assert max(delays(times)) < 0.01


def test_uneven_arrival_is_no_more_than_its_unevenness() -> None:
    chance = random.Random(1)
    times = [(i / FPS + chance.uniform(0, 0.02), i / FPS) for i in range(5000)]
    assert max(delays(times)) <= 0.021


@pytest.mark.parametrize("step_s", [0.0, -0.5, -1e5])
def test_a_media_clock_that_steps_back_or_stands_is_no_delay(step_s: float) -> None:
    ordinary: tuple[float, float] = (1 / FPS, 1 / FPS)
    times = after(fresh(60), (1 / FPS, step_s), *[ordinary] * 60)
    assert max(delays(times)) == pytest.approx(0, abs=1e-6)


def test_a_media_clock_that_jumps_ahead_is_no_delay_before_or_after() -> None:
    times = after(fresh(60), (1 / FPS, 1e5), *[(1 / FPS, 1 / FPS)] * 60)
    assert max(delays(times)) == pytest.approx(0, abs=1e-6)


def test_a_stall_counts_by_our_clock_where_a_time_is_missing() -> None:
    times = after(fresh(60), (STALL_S, None))
    assert delays(times)[-1] == pytest.approx(STALL_S - 1 / FPS)


def test_a_stall_counts_by_our_clock_where_the_sources_was_set_meanwhile() -> None:
    times = after(fresh(60), (STALL_S, -1e5), (1 / FPS, 1 / FPS))
    assert delays(times)[-2:] == pytest.approx([STALL_S - 1 / FPS, 0], abs=1e-6)


def test_what_was_measured_by_a_clock_that_is_set_is_forgotten() -> None:
    ordinary: tuple[float, float] = (1 / FPS, 1 / FPS)
    times = after(fresh(60), (STALL_S, 1 / FPS), ordinary, (1 / FPS, -1e5), ordinary)
    held, behind, *since = delays(times)[60:]
    assert [held, behind] == pytest.approx([STALL_S - 1 / FPS] * 2, rel=0.03)
    assert since == pytest.approx([0, 0], abs=1e-6)


def test_times_may_be_missing_in_between() -> None:
    times = [(at_s, media_s if i % 3 else None) for i, (at_s, media_s) in enumerate(fresh(300))]
    assert max(delays(times)[2:]) == pytest.approx(0, abs=1e-6)
    held = [*times, (times[-1][0] + STALL_S, 7 + 300 / FPS)]
    assert delays(held)[-1] == pytest.approx(STALL_S - 1 / FPS, rel=0.03)


def test_the_usual_interval_is_measured_and_a_stall_does_not_change_it() -> None:
    delay = Delay()
    assert delay.interval_s == 0
    for arrived_s, media_s in after(fresh(60, fps=8), (STALL_S, 1 / 8)):
        delay.of(arrived_s, media_s)
    assert delay.interval_s == pytest.approx(1 / 8)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_times_no_delay_is_negative_or_older_than_the_connection(seed: int) -> None:
    chance = random.Random(seed)
    delay, arrived_s, media_s = Delay(), 50.0, 0.0
    for _ in range(500):
        arrived_s += chance.choice((0.0, 0.001, 1 / 30, 0.2, 7.0)) * chance.random()
        media_s += chance.choice((-3.0, 0.0, 1 / 30, 1 / 30, 0.2, 7.0)) * chance.random()
        found_s = delay.of(arrived_s, chance.choice((media_s, media_s, None)))
        assert 0 <= found_s <= arrived_s - 50.0 + 1e-9
