"""Cameras that come, go, change, fail and hang, each without the others."""

import threading
from collections.abc import Iterator

import pytest

from streamcls import clock as clock_module
from streamcls.errors import OutputPathError, SourceError
from streamcls.plant import cameras as cameras_module
from streamcls.plant.cameras import Cameras, Changes, RunningCamera
from tests.plant.made import Built, FakeClock, asked, wanted
from tests.runtime.rig import PATIENCE_S

pytestmark = pytest.mark.alone


@pytest.fixture
def built() -> Built:
    return Built()


@pytest.fixture
def cameras(built: Built) -> Iterator[Cameras]:
    with Cameras(built) as made:
        yield made
        # What a hanging reader left behind is let go.
        for source in (source for all_ in built.sources.values() for source in all_):
            source.end()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    return FakeClock(monkeypatch)


def named(cameras: Cameras) -> dict[str, RunningCamera]:
    return {one.name: one for one in cameras.running}


def fails(cameras: Cameras, built: Built, name: str, error: BaseException) -> None:
    """Its run ends with this error."""
    ended = threading.Event()
    named(cameras)[name].run.pipeline.stop.wake(ended.set)
    built.sources[name][-1].fail(error)
    assert ended.wait(PATIENCE_S)


# -- other settings


def test_added_removed_and_changed_cameras_leave_the_others_alone(
    cameras: Cameras, built: Built
) -> None:
    stays, goes, before = asked("stays"), asked("goes"), asked("changes")
    first = cameras.apply(wanted(goes, stays, before))
    assert str(first) == "added: goes, stays, changes"
    for name in ("stays", "goes", "changes"):
        built.answered(name)
    old = named(cameras)
    after, new = asked("changes", rotation=90), asked("new")
    changes = cameras.apply(wanted(new, stays, after))
    assert (changes.added, changes.removed, changes.changed) == (("new",), ("goes",), ("changes",))
    assert str(changes) == "added: new; removed: goes; restarted: changes"
    assert [one.name for one in cameras.running] == ["new", "stays", "changes"]
    now = named(cameras)
    assert now["stays"] is old["stays"]
    assert now["changes"] is not old["changes"]
    for name in ("stays", "changes", "new"):
        built.answered(name)
    assert now["stays"].metrics.snapshot().classified == 2
    assert [sink.closed for sink in (*built.sinks["goes"], *built.sinks["changes"])] == [1, 1, 0]
    assert old["goes"].run.pipeline.stop.is_set


def test_the_same_settings_concern_nobody(cameras: Cameras) -> None:
    settings = wanted(asked("a"), asked("b"))
    cameras.apply(settings)
    before = cameras.running
    assert str(cameras.apply(wanted(asked("a"), asked("b")))) == "no camera is concerned"
    assert cameras.running == before


def test_for_another_model_all_begin_anew(cameras: Cameras, built: Built) -> None:
    cameras.apply(wanted(asked("a"), asked("b")))
    before = named(cameras)
    changes = cameras.apply(wanted(asked("a"), asked("b")), all_anew=True)
    assert changes.changed == ("a", "b")
    assert all(named(cameras)[name] is not before[name] for name in before)
    built.answered("a")
    built.answered("b")


def test_one_that_cannot_be_built_leaves_all_as_it_was(cameras: Cameras, built: Built) -> None:
    cameras.apply(wanted(asked("stays"), asked("changes"), asked("goes")))
    before, threads = cameras.running, threading.active_count()
    built.cannot = {"bad"}
    with pytest.raises(OutputPathError, match="bad: its folder is away"):
        cameras.apply(wanted(asked("new"), asked("bad"), asked("changes", rotation=90)))
    assert cameras.running == before
    for name in ("stays", "goes"):
        built.answered(name)
    old = built.sources["changes"][0]
    index = old.give()
    built.sinks["changes"][0].until_it_has(index)
    # What was built before it has gone with its outputs' threads.
    assert [sink.closed for sink in built.sinks["new"]] == [1]
    assert threading.active_count() == threads


# -- trouble


def test_a_required_camera_that_is_given_up_ends_the_run(cameras: Cameras, built: Built) -> None:
    cameras.apply(wanted(asked("other"), asked("gate", required=True)))
    cameras.look()
    fails(cameras, built, "gate", SourceError("gate: no signal; given up"))
    with pytest.raises(SourceError, match="gate: no signal; given up"):
        cameras.look()


def test_another_that_is_given_up_stays_so_and_the_others_go_on(
    cameras: Cameras, built: Built, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    cameras.apply(wanted(asked("belt"), asked("other")))
    fails(cameras, built, "belt", SourceError("belt: no signal; given up"))
    for _ in range(3):
        cameras.look()
        clock.forward(100)
        built.answered("other")
    assert caplog.messages.count("belt: no signal; given up") == 1
    assert len(built.sources["belt"]) == 1
    assert [one.state for one in cameras.running] == ["given_up", "ok"]


def test_after_any_other_failure_it_is_started_again_and_later_each_time(
    cameras: Cameras, built: Built, clock: FakeClock
) -> None:
    cameras.apply(wanted(asked("belt", required=True), asked("other")))
    waits_s: list[float] = []
    for count in range(1, 5):
        fails(cameras, built, "belt", RuntimeError("a bug"))
        cameras.look()
        restart_s = named(cameras)["belt"].restart_s
        assert restart_s is not None
        waits_s.append(restart_s - clock_module.now_s())
        cameras.look()
        assert len(built.sources["belt"]) == count
        clock.forward(waits_s[-1] + 0.001)
        cameras.look()
        assert len(built.sources["belt"]) == count + 1
        assert named(cameras)["belt"].restart_s is None
        built.answered("belt")
        built.answered("other")
    for longest_s, wait_s in zip((1, 2, 4, 8), waits_s, strict=True):
        assert 0.5 * longest_s < wait_s <= longest_s
    assert len(built.sources["other"]) == 1


def test_one_that_cannot_be_built_again_is_tried_again(
    cameras: Cameras, built: Built, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that is away for a while must not end the cameras that need none."""
    cameras.apply(wanted(asked("belt"), asked("other")))
    fails(cameras, built, "belt", RuntimeError("a bug"))
    cameras.look()
    built.cannot = {"belt"}
    for _ in range(3):
        clock.forward(100)
        cameras.look()
        built.answered("other")
    assert sum("belt: its folder is away" in line for line in caplog.messages) == 3
    built.cannot = set()
    clock.forward(100)
    cameras.look()
    built.answered("belt")


def test_a_reader_that_hangs_is_left_behind_for_a_new_one(
    cameras: Cameras, built: Built, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cameras_module, "_CLOSE_S", 0.1)
    monkeypatch.setattr("streamcls.runtime.live_pipeline._JOIN_S", 0.05)
    cameras.apply(wanted(asked("belt"), asked("other")))
    built.answered("belt")
    clock.forward(100)
    cameras.look()
    assert len(built.sources["belt"]) == 1  # the longest wait is not over
    clock.forward(31)  # 120 s, and the 10 s of `connect_timeout`
    built.answered("other")
    cameras.look()
    assert len(built.sources["belt"]) == 2
    assert len(built.sources["other"]) == 1
    built.answered("belt")


def test_one_whose_time_is_over_is_not_started_again(
    cameras: Cameras, built: Built, clock: FakeClock
) -> None:
    cameras.apply(wanted(asked("belt", required=True)))
    named(cameras)["belt"].run.pipeline.stop.set()
    for _ in range(2):
        cameras.look()
        clock.forward(100)
    assert len(built.sources["belt"]) == 1
    assert str(named(cameras)["belt"].given_up) == "belt: its duration is over"


def test_one_that_was_given_up_begins_anew_with_other_settings(
    cameras: Cameras, built: Built
) -> None:
    cameras.apply(wanted(asked("belt"), asked("other")))
    fails(cameras, built, "belt", SourceError("belt: no such host; given up"))
    cameras.look()
    cameras.apply(wanted(asked("belt", source="sim://?fps=10"), asked("other")))
    built.answered("belt")
    assert cameras.running[0].state == "ok"


def test_the_last_one_that_is_given_up_ends_the_run(cameras: Cameras, built: Built) -> None:
    cameras.apply(wanted(asked("belt"), asked("other")))
    fails(cameras, built, "belt", SourceError("belt: no such host; given up"))
    assert cameras.look()
    fails(cameras, built, "other", SourceError("other: no such host; given up"))
    with pytest.raises(SourceError, match="belt: no such host"):
        cameras.look()


def test_nothing_is_left_when_the_durations_of_all_are_over(cameras: Cameras, built: Built) -> None:
    cameras.apply(wanted(asked("belt"), asked("other")))
    for one in cameras.running:
        assert cameras.look()
        one.run.pipeline.stop.set()
    assert not cameras.look()


# -- the end


def test_all_are_closed_at_the_same_time(
    cameras: Cameras, built: Built, caplog: pytest.LogCaptureFixture
) -> None:
    """Each sink waits until all are being closed."""
    names = ("a", "b", "c")
    cameras.apply(wanted(*map(asked, names)))
    together = threading.Barrier(len(names))
    for name in names:
        (sink,) = built.sinks[name]
        sink.before_close = lambda: together.wait(PATIENCE_S)
    cameras.close()
    assert not together.broken
    assert not [line for line in caplog.messages if "did not end" in line]
    assert [built.sinks[name][0].closed for name in names] == [1, 1, 1]
    assert [one.name for one in cameras.running] == list(names)  # for their ledgers
    cameras.close()


def test_a_ledger_is_whole_when_all_is_closed(cameras: Cameras, built: Built) -> None:
    cameras.apply(wanted(asked("a")))
    built.answered("a")
    cameras.close()
    (one,) = cameras.running
    assert one.metrics.snapshot().ledger == "1 read = 1 classified + 0 not sampled"


def test_changes_are_told_in_a_line() -> None:
    assert str(Changes((), (), ())) == "no camera is concerned"
    assert str(Changes(("a", "b"), (), ("c",))) == "added: a, b; restarted: c"
