"""What outputs get of a live run, also those that stall, fail, or come and go."""

import logging
import threading
import time
from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from streamcls.errors import OutputPathError
from streamcls.protocols import Pictured, Refreshed
from streamcls.records import Event, Result
from streamcls.runtime import live_outputs, live_pipeline
from streamcls.runtime.output_queue import OutputQueue, Wanted
from tests.fakes import ListSink
from tests.runtime.rig import PATIENCE_S, Kept, Rig

pytestmark = pytest.mark.alone


class Refreshing(Refreshed):
    """A sink that does some work again and again, and the last of it at the end."""

    every_frame = False

    def __init__(
        self, refresh_s: float, work: Callable[[], None], last: Callable[[], None]
    ) -> None:
        self.refresh_s = refresh_s
        self._work, self._last = work, last

    def refresh(self) -> None:
        self._work()

    def close(self) -> None:
        self._last()

    def write(self, result: Result) -> None:
        raise AssertionError("it gets no results")

    def event(self, event: Event) -> None:
        raise AssertionError("it gets no events")


# -- outputs that stall


def test_a_sink_that_stalls_holds_nobody_up_and_leaves_no_backlog() -> None:
    """8 MB a picture: 64 MB are kept for it, events and all, and the rest gives way."""
    large = np.zeros((1000, 2666, 3), np.uint8)
    rig = Rig()
    stalled, shown, answers = rig.add(every_frame=True), rig.add(every_frame=True), rig.add()
    with rig:
        stalled.gate.shut()
        rig.camera.give(image=large)
        stalled.gate.somebody_waits()
        for number in range(1, 101):
            rig.camera.give(image=large)
            shown.until_it_has(number)
        answers.until_it_has(100)
        stalled.gate.open()
        stalled.until_it_has(100)
    kept = len(stalled.indices) - 1
    assert kept in (7, 8)
    assert stalled.indices == [0, *range(101 - kept, 101)]
    counts = rig.counts.outputs
    assert (counts["sink1"].written, counts["sink1"].dropped) == (1 + kept, 100 - kept)
    assert (counts["sink2"].written, counts["sink2"].dropped) == (101, 0)
    assert counts["sink3"].dropped == 0


def test_a_stalled_sink_gets_all_events() -> None:
    rig = Rig()
    stalled, other = rig.add(), rig.add()
    with rig:
        stalled.gate.shut()
        rig.answered(other)
        stalled.gate.somebody_waits()
        for number in range(50):
            rig.camera.lose(f"reason {number}")
            rig.answered(other)
        stalled.gate.open()
        stalled.until_it_has(50)
    assert [e.label for e in stalled.events] == [e.label for e in other.events]
    assert stalled.states.count("no_signal") == 50


def test_sinks_get_no_images_unless_they_want_every_frame() -> None:
    rig = Rig()
    rows, pictures = rig.add(), rig.add(every_frame=True)
    with rig:
        rig.answered(rows)
        pictures.until_it_has(0)
    assert rows.results[0].frame.image.size == 0
    assert pictures.results[0].frame.image.shape == (24, 32, 3)


def test_a_sink_that_wants_pictures_gets_those_of_answers_with_what_began() -> None:
    class Album(Kept, Pictured):
        pass

    rig = Rig()
    album, other = Album(), rig.add()
    rig.pipeline.add("album", album)
    with rig:
        for number in range(3):  # each has another label
            rig.answered(other)
            album.until_it_has(number)
    assert album.indices == [0, 1, 2]
    for one in album.results:
        assert one.raw is not None
        assert one.frame.image.shape == (24, 32, 3)
        assert int(one.frame.image[0, 0, 0]) == one.frame.index
    assert [e.label for e in album.events] == [e.label for e in other.events]
    assert [len(one.events) for one in album.results] == [1, 2, 2]


def test_a_slow_reader_of_results_gets_the_newest_next() -> None:
    """As the window, and a loop over `streamcls.stream`."""
    still = np.zeros((24, 32, 3), np.uint8)  # its label never changes
    rig = Rig()
    sink = rig.add(every_frame=True)
    output = rig.pipeline.output(
        "window", Wanted(frames=True, answers=False, images=True, newest=True)
    )
    with rig:
        results = rig.pipeline.results(output)
        rig.camera.give(image=still)
        sink.until_it_has(0)
        assert list(islice(results, 2))[-1] is None  # the events of the beginning are out
        for _ in range(100):
            rig.camera.give(image=still)
        sink.until_it_has(100)
        newest = next(results)
        assert newest is not None
        assert newest.frame.index == 100
        rig.stop.set()
        assert list(results) == []
    assert rig.counts.outputs["window"].dropped in (99, 100)


def test_a_reader_of_results_gets_the_one_with_a_new_label() -> None:
    rig = Rig()
    sink = rig.add()
    output = rig.pipeline.output("stream", Wanted(images=True, newest=True))
    with rig:
        rig.answered(sink)
        found = next(rig.pipeline.results(output))
        assert found is not None
        assert [event.label for event in found.events] == ["cat"]


def test_none_comes_while_nothing_else_does() -> None:
    """So that the window goes on living."""
    rig = Rig()
    output = rig.pipeline.output(
        "window", Wanted(frames=True, answers=False, images=True, newest=True)
    )
    with rig:
        results = rig.pipeline.results(output)
        begun = time.monotonic()
        assert next(results) is None
        assert time.monotonic() - begun < PATIENCE_S


# -- outputs that fail


@pytest.mark.parametrize("every_frame", [False, True])
def test_the_run_goes_on_without_an_output_that_fails(
    every_frame: bool, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    failing, other = rig.add(every_frame=every_frame, fail_at=2), rig.add()
    with rig:
        for _ in range(3):
            rig.answered(other)
        other.until(lambda: "output_failed" in other.states)
        for _ in range(3):
            rig.answered(other)
        assert not rig.stop.is_set
    assert failing.indices == [0, 1]
    assert failing.closed == other.closed == 1
    assert other.indices == [0, 1, 2, 3, 4, 5]
    (told,) = [e for e in other.events if e.label == "output_failed"]
    assert (told.kind, told.reason) == ("state", "sink1: sink failed")
    assert told.start_s == told.end_s
    assert str(rig.pipeline.outputs.failure) == "sink failed"
    assert rig.counts.outputs["sink1"].failure == "sink failed"
    assert rig.counts.outputs["sink2"].failure is None
    assert rig.stop.failure is None
    (logged,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert logged == "sink failed; the run goes on without this output"


def test_a_sink_that_happens_to_have_such_methods_gets_its_results() -> None:
    class Flushing(Kept):
        refresh_s = 0.01

        def refresh(self) -> None:
            raise AssertionError("nobody asked for this")

    rig, sink = Rig(), Flushing()
    rig.pipeline.add("flushing", sink)
    with rig:
        sink.until_it_has(rig.camera.give())


def test_the_reason_of_a_failure_tells_no_password() -> None:
    """It goes to statistics and events; not every error is ours, and masks itself."""

    class Refused(Kept):
        def write(self, result: Result) -> None:
            raise OSError("can't post to http://anna:geheim@10.0.0.7/labels")

    rig = Rig()
    other = rig.add()
    rig.pipeline.add("post", Refused())
    with rig:
        rig.answered(other)
        other.until(lambda: "output_failed" in other.states)
    (told,) = [e for e in other.events if e.label == "output_failed"]
    said = "can't post to http://anna:***@10.0.0.7/labels"
    assert told.reason == f"post: {said}"
    assert rig.counts.outputs["post"].failure == said


def test_the_first_output_failure_is_kept() -> None:
    rig = Rig()
    rig.add(fail_at=0)
    rig.add(fail_at=2)
    other = rig.add()
    with rig:
        rig.answered(other)
        other.until(lambda: other.states.count("output_failed") == 1)
        kept = rig.pipeline.outputs.failure
        for _ in range(2):
            rig.answered(other)
        other.until(lambda: other.states.count("output_failed") == 2)
        assert rig.pipeline.outputs.failure is kept is not None
    assert [e.reason for e in other.events if e.label == "output_failed"] == [
        "sink1: sink failed",
        "sink2: sink failed",
    ]


def test_a_reader_who_has_enough_ends_the_run(caplog: pytest.LogCaptureFixture) -> None:
    class Pipe(ListSink):
        def write(self, result: Result) -> None:
            raise BrokenPipeError("nobody reads")

    rig = Rig()
    other = rig.add()
    rig.pipeline.add("lines", Pipe())
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        rig.camera.give()
        with pytest.raises(BrokenPipeError, match="nobody reads"):
            list(rig.pipeline.results(output))
    assert other.closed == 1
    assert "goes on" not in caplog.text


def test_an_output_that_can_not_be_created_ends_the_run() -> None:
    """It would write nothing for months."""

    class Taken(ListSink):
        def write(self, result: Result) -> None:
            raise OutputPathError("o.csv: exists")

    rig = Rig()
    rig.pipeline.add("csv", Taken())
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        rig.camera.give()
        with pytest.raises(OutputPathError, match=r"o\.csv: exists"):
            list(rig.pipeline.results(output))


def test_work_that_is_done_again_and_again_may_fail_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The failure is said once, and the next time it is tried again."""
    rig, again, calls = Rig(), threading.Event(), list[int]()

    def work() -> None:
        calls.append(0)
        if len(calls) < 3:
            raise OSError("disk full")
        again.set()

    rig.pipeline.add("stats", Refreshing(0.01, work, lambda: calls.append(1)))
    with rig:
        assert again.wait(PATIENCE_S)
    assert calls[-1] == 1
    assert caplog.text.count("disk full") == 1
    assert rig.counts.outputs["stats"].failure == "disk full"


def test_an_output_that_can_not_be_closed_is_a_failure_too() -> None:
    class Sour(ListSink):
        def close(self) -> None:
            super().close()
            raise OSError("close failed")

    rig = Rig()
    sour, other = Sour(), rig.add()
    rig.pipeline.add("sour", sour)
    with rig:
        rig.answered(other)
    assert sour.closed and other.closed == 1
    assert str(rig.pipeline.outputs.failure) == "close failed"
    assert rig.counts.outputs["sour"].failure == "close failed"


# -- the end


def test_sinks_get_what_is_theirs_before_they_are_closed() -> None:
    rig = Rig()
    slow, other = rig.add(), rig.add()
    with rig:
        slow.gate.shut()
        for _ in range(100):
            rig.answered(other)
        opener = threading.Timer(0.2, slow.gate.open)
        opener.start()
        rig.pipeline.close()
        opener.join()
    assert slow.indices == list(range(100))
    assert slow.closed == 1


def test_a_sink_that_hangs_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_pipeline, "_JOIN_S", 0.2)
    monkeypatch.setattr(live_outputs, "_JOIN_S", 0.2)
    rig = Rig()
    hangs, other = rig.add(), rig.add()
    before = set(threading.enumerate())
    hangs.gate.shut()
    with rig:
        rig.answered(other)
        hangs.gate.somebody_waits()
        begun = time.monotonic()
        rig.pipeline.close()
        assert time.monotonic() - begun < 0.4 + 1.0
        assert other.closed == 1
        assert "streamcls-output-sink1 did not end" in caplog.text
    for thread in before - {threading.main_thread()}:
        thread.join(PATIENCE_S)
    assert hangs.closed == 1


# -- outputs that come and go


def test_an_output_can_be_added_and_removed_while_it_runs() -> None:
    rig = Rig()
    always = rig.add()
    with rig:
        rig.answered(always)
        recording = Kept(every_frame=True)
        output = rig.add_later(recording)
        for _ in range(3):
            rig.answered(always)
        rig.pipeline.outputs.remove(output)
        (thread,) = [t for t in threading.enumerate() if t.name == "streamcls-output-recording"]
        thread.join(PATIENCE_S)
        assert recording.closed == 1
        for _ in range(3):
            rig.answered(always)
        again = Kept(every_frame=True)
        rig.pipeline.add("recording", again)
        last = rig.answered(always)
        again.until_it_has(last)
    assert recording.indices == [1, 2, 3]
    assert again.indices == [7]
    assert always.indices == list(range(8))
    assert again.closed == always.closed == 1
    assert rig.counts.outputs["recording"].written == 4


def test_what_a_removed_output_has_got_still_goes_out() -> None:
    rig = Rig()
    recording, always = Kept(every_frame=True), rig.add()
    recording.gate.shut()
    with rig:
        output = rig.add_later(recording)
        for _ in range(20):
            rig.answered(always)
        rig.pipeline.outputs.remove(output)
        assert recording.closed == 0
        recording.gate.open()
    assert recording.indices == list(range(20))
    assert recording.closed == 1


def test_a_removed_output_is_told_nothing_more() -> None:
    rig = Rig()
    kept = rig.add()
    output: OutputQueue = rig.pipeline.output("o", Wanted())
    with rig:
        rig.answered(kept)
        rig.pipeline.outputs.remove(output)
        rig.answered(kept)
    items = list(output.items())
    assert [item.frame.index for item in items if isinstance(item, Result)] == [0]
    assert not [item for item in items if isinstance(item, Event) and item.end_s is not None][1:]


def test_work_is_repeated_and_done_once_more_when_all_is_counted() -> None:
    done: list[tuple[str, int]] = []
    thrice = threading.Event()

    def work() -> None:
        done.append(("work", rig.counts.in_flight))
        if len(done) >= 3:
            thrice.set()

    rig = Rig()
    rig.pipeline.add(
        "stats", Refreshing(0.001, work, lambda: done.append(("last", rig.counts.in_flight)))
    )
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        assert thrice.wait(PATIENCE_S)
        rig.gate.open()
    assert [name for name, _ in done].count("last") == 1
    assert done[-1] == ("last", 0)


def test_repeated_work_that_fails_is_an_output_that_fails() -> None:
    def work() -> None:
        raise OSError("the disk is full")

    rig = Rig()
    other = rig.add()
    rig.pipeline.add("stats", Refreshing(0.001, work, lambda: None))
    with rig:
        other.until(lambda: "output_failed" in other.states)
        rig.answered(other)
    assert str(rig.pipeline.outputs.failure) == "the disk is full"
    assert rig.counts.outputs["stats"].failure == "the disk is full"
