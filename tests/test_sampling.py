from collections.abc import Callable

import pytest

from streamcls.protocols import Sampler
from streamcls.records import Grabbed, LiveFrame
from streamcls.sampling import AtMostPerSecond, EveryNth


def at(index: int, pts_s: float) -> Grabbed:
    return Grabbed(index, pts_s, "container", 0.04, 0)


@pytest.mark.parametrize("sampler", [EveryNth, lambda: EveryNth(3), lambda: AtMostPerSecond(5.0)])
def test_every_sampler_takes_the_first_frame_and_decides_the_same_again(
    sampler: Callable[[], Sampler],
) -> None:
    """Of recordings and of live sources."""
    frames = [at(index, index / 25) for index in range(60)]
    live = [LiveFrame(f.index, f.pts_s, 0.04, 0, 0.0, None) for f in frames]
    one, other = sampler(), sampler()
    wanted = [one.wants(frame) for frame in frames]
    assert wanted[0]
    assert [other.wants(frame) for frame in live] == wanted


def test_every_nth_counts_from_the_start_of_the_file() -> None:
    sampler = EveryNth(3)
    assert [i for i in range(4, 14) if sampler.wants(at(i, i / 25))] == [6, 9, 12]


@pytest.mark.parametrize("source_fps", [25, 29.97, 30, 60, 240])
@pytest.mark.parametrize("fps", [1, 5, 7.5])
def test_at_most_per_second_takes_the_rate_asked_for(fps: float, source_fps: float) -> None:
    sampler = AtMostPerSecond(fps)
    taken = [
        i / source_fps for i in range(int(source_fps * 20)) if sampler.wants(at(i, i / source_fps))
    ]
    assert len(taken) == pytest.approx(20 * fps, abs=1)
    # No two in one interval, and none later than one source frame after its turn.
    assert all(int(t * fps + 1e-6) == k for k, t in enumerate(taken))


def test_at_most_per_second_follows_time_not_frames() -> None:
    """A gap in a variable frame rate is not made up for with a burst."""
    sampler = AtMostPerSecond(2)
    times = [100.0, 100.1, 100.6, 100.7, 105.0, 105.1, 105.2, 105.5]
    assert [t for i, t in enumerate(times) if sampler.wants(at(i, t))] == [
        100.0,
        100.6,
        105.0,
        105.5,
    ]


def test_where_recordings_were_joined_counting_begins_anew() -> None:
    sampler = AtMostPerSecond(2)
    times = [0.0, 0.5, 1.0, 1.5, 0.0, 0.1, 0.5, 1.0]
    taken = [i for i, t in enumerate(times) if sampler.wants(at(i, t))]
    assert taken == [0, 1, 2, 3, 4, 6, 7]


def test_a_rate_above_the_source_takes_every_frame() -> None:
    sampler = AtMostPerSecond(1000)
    assert all(sampler.wants(at(i, i / 25)) for i in range(50))
