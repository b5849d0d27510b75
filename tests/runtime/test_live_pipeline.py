"""A live run with a camera and a classifier that do one step when the test says so."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from streamcls.metrics import Snapshot
from streamcls.records import Event, Fault, LiveFrame, Result, State, Status
from streamcls.runtime import live_pipeline, turns
from streamcls.runtime.output_queue import Wanted
from tests.fakes import LABELS, ListSink
from tests.runtime.rig import INTERVAL_S, PATIENCE_S, Rig, balanced

pytestmark = pytest.mark.alone


# -- freshness


def test_each_frame_has_its_own_answer_and_its_age() -> None:
    rig = Rig()
    sink = rig.add()
    begun = time.monotonic()
    with rig:
        for _ in range(20):
            rig.answered(sink)
    passed_ms = (time.monotonic() - begun) * 1000
    assert sink.indices == list(range(20))
    assert [r.top(1)[0].class_id for r in sink.results] == [i % 3 for i in range(20)]
    for one in sink.results:
        assert one.timing is not None
        assert 0 <= one.timing.waited_ms <= one.timing.age_ms <= passed_ms
        assert (one.timing.preprocess_ms, one.timing.infer_ms) == (1.0, 2.0)
        assert one.status is not None and one.status.age_ms == one.timing.age_ms
    assert rig.counts.classified == rig.counts.read == 20


def test_the_newest_frame_is_next_when_the_classifier_was_busy() -> None:
    """However long that took: nothing of what came meanwhile is left to be done."""
    rig = Rig()
    sink = rig.add()
    with rig:
        rig.gate.shut()
        first = rig.camera.give()
        rig.gate.somebody_waits()
        for _ in range(300):
            newest = rig.camera.give()
        assert rig.counts.dropped == {"newer": 299}
        assert rig.pipeline.status.dropped == 299
        rig.gate.open()
        sink.until_it_has(newest)
        after = rig.answered(sink)
    assert sink.indices == [first, newest, after]
    assert rig.counts.dropped == {"newer": 299}
    assert rig.counts.outputs["sink1"].dropped == 0


def test_a_longer_queue_has_the_newest_frames_in_it() -> None:
    rig = Rig(queue_size=3)
    sink = rig.add()
    with rig:
        rig.give_while_busy(10)
        sink.until_it_has(10)
    assert sink.indices == [0, 8, 9, 10]


def test_every_frame_is_shown_while_the_classifier_is_busy() -> None:
    """With the last steady label, and without having to wait for anything."""
    rig = Rig()
    answers, shown = rig.add(), rig.add(every_frame=True)
    with rig:
        rig.answered(answers)
        rig.gate.shut()
        for _ in range(50):
            rig.camera.give()
        shown.until_it_has(50)
        assert answers.indices == [0]  # the classifier is busy with frame 1 or, before it, nothing
        rig.gate.open()
        answers.until_it_has(50)
        rig.camera.give()
        shown.until_it_has(51)
    assert shown.indices == list(range(52))
    assert [r.steady for r in shown.results[1:51]] == [LABELS[0]] * 50
    assert all(r.raw is None for r in shown.results)
    assert shown.results[51].steady == LABELS[50 % 3]
    assert [int(r.frame.image[0, 0, 0]) for r in shown.results] == list(range(52))


def test_block_holds_the_source_up_and_drops_nothing() -> None:
    rig = Rig(newest=False)
    sink = rig.add()
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        rig.camera.give()  # has room in the queue
        for _ in range(8):
            rig.camera.give(wait=False)
        rig.gate.open()
        sink.until_it_has(9)
    assert sink.indices == list(range(10))
    assert rig.counts.dropped == {}
    assert rig.counts.classified == 10


def test_block_does_not_read_on_while_there_is_no_room() -> None:
    rig = Rig(newest=False, queue_size=2)
    sink = rig.add()
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        for _ in range(2):
            rig.camera.give()
        for _ in range(8):
            rig.camera.give(wait=False)
        rig.gate.open()
        for read_more in range(1, 8):  # with each one that is done there is room for one more
            sink.until_it_has(read_more)
            in_queue_and_hand = 2 + 1 + 1
            assert rig.counts.in_flight <= in_queue_and_hand
        sink.until_it_has(10)


def test_the_end_wakes_a_source_that_is_held_up() -> None:
    rig = Rig(newest=False)
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        rig.camera.give()
        rig.camera.give(wait=False)
        rig.stop.set()
        assert rig.camera.closed.wait(PATIENCE_S)
    assert rig.counts.read in (2, 3)
    assert rig.counts.in_flight == 0


def test_frames_that_are_not_sampled_are_shown_but_not_classified() -> None:
    rig = Rig(every=5)
    answers, shown = rig.add(), rig.add(every_frame=True)
    with rig:
        for _ in range(4):
            rig.answered(answers)
            for _ in range(4):
                rig.camera.give()
        shown.until_it_has(19)
    assert answers.indices == [0, 5, 10, 15]
    assert [r.frame.sampled for r in shown.results] == [i % 5 == 0 for i in range(20)]
    assert rig.counts.not_sampled == 16


# -- the ledger


def test_the_ledger_balances_at_every_moment() -> None:
    """Looked at from each thread of the run, and all the time from one more."""
    wrong: list[Snapshot] = []
    seen: list[int] = []
    over = threading.Event()

    def look(_: object = None) -> None:
        now = rig.counts
        seen.append(now.read)
        # In the queue, in the hands of the capture thread and of the classifier.
        if not balanced(now) or now.in_flight > 2 + 2:
            wrong.append(now)

    def look_on() -> None:
        while not over.wait(0.001):  # lets the others run
            look()

    rig = Rig(every=2, queue_size=2, before=look)
    rig.pipeline.add("looks", Looking(look))
    looker = threading.Thread(target=look_on)
    looker.start()
    try:
        with rig:
            for number in range(600):
                if number % 7 == 3:
                    rig.camera.give(fault="black", state="black")
                elif number % 50 == 49:
                    rig.camera.lose(f"loss {number}")
                else:
                    rig.camera.give()
                look()
    finally:
        over.set()
        looker.join(PATIENCE_S)
    assert wrong == []
    assert len(set(seen)) > 100
    done = rig.counts
    assert balanced(done) and done.in_flight == 0
    assert done.rejected == {"black": 86}
    assert done.classified > 0 and done.not_sampled > 0


class Looking(ListSink):
    """A sink that looks at something with each thing that it gets."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look = look

    def write(self, result: Result) -> None:
        self._look()

    def event(self, event: Event) -> None:
        self._look()


def test_what_is_in_flight_at_the_end_was_stopped() -> None:
    rig = Rig(queue_size=4)
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        for _ in range(3):
            rig.camera.give()
        assert rig.counts.in_flight == 4
        rig.stop.set()
    done = rig.counts
    assert balanced(done) and done.in_flight == 0
    assert done.dropped["stopped"] >= 3
    assert done.read == 4


def test_an_answer_that_comes_after_the_end_is_not_counted_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A classifier that hangs for longer than the end waits for it."""
    for module in (live_pipeline, turns):
        monkeypatch.setattr(module, "_JOIN_S", 0.1)
    rig = Rig()
    with rig:
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        rig.pipeline.close()
        assert rig.counts.dropped == {"stopped": 1}
    # Leaving it has opened the gate and waited for the classifier.
    assert rig.counts.dropped == {"stopped": 1}
    assert rig.counts.in_flight == 0


# -- signal


def test_faulty_frames_get_no_label_row() -> None:
    rig = Rig()
    rows, shown = rig.add(), rig.add(every_frame=True)
    with rig:
        good = [rig.answered(rows)]
        faults: tuple[tuple[Fault, State], ...] = (
            ("black", "black"),
            ("corrupt", "damaged"),
            ("late", "late"),
            ("repeated", "frozen"),
        )
        for fault, state in faults:
            bad = rig.camera.give(fault=fault, state=state)
            good.append(rig.answered(rows))
        shown.until_it_has(good[-1])
    assert rows.indices == good
    assert bad not in good
    assert shown.indices == list(range(9))
    assert [r.frame.sampled for r in shown.results] == [i in good for i in range(9)]
    assert rig.counts.rejected == {"black": 1, "corrupt": 1, "late": 1, "repeated": 1}
    assert rows.states == [
        *("connecting", "ok", "black", "ok", "damaged", "ok"),
        *("late", "ok", "frozen", "ok"),
    ]


def test_faulty_frames_do_not_count_for_the_sampler() -> None:
    """Each second good one, whatever lies between them."""
    wanted: list[int] = []

    class Sampler:
        def wants(self, grabbed: object) -> bool:
            assert isinstance(grabbed, LiveFrame)
            assert grabbed.fault is None
            wanted.append(grabbed.index)
            return True

    rig = Rig()
    rig.pipeline._sampler = Sampler()
    rows = rig.add()
    with rig:
        rig.answered(rows)
        rig.camera.give(fault="black", state="black")
        rig.answered(rows)
    assert wanted == [0, 2]


def test_an_answer_to_a_frame_from_before_a_loss_is_no_row() -> None:
    rig = Rig()
    rows = rig.add()
    with rig:
        first = rig.answered(rows)
        rig.gate.entered.acquire()
        rig.gate.shut()
        rig.camera.give()
        rig.gate.somebody_waits()
        rig.camera.lose("the camera hung up")
        after = rig.camera.give()
        rig.gate.open()
        rows.until_it_has(after)
    assert rows.indices == [first, after]
    assert rig.counts.dropped == {"signal lost": 1}


def test_a_source_that_falls_silent_is_noticed_while_it_hangs() -> None:
    rig = Rig(stale_after_s=0.01)  # but five intervals of 0.1 s
    rows = rig.add()
    with rig:
        rig.answered(rows)
        rows.until(lambda: "stale" in rows.states)
        assert rig.camera.hangs.is_set()
        silent = rig.pipeline.status
        rig.answered(rows)
        assert (silent.state, rig.pipeline.status.state) == ("stale", "ok")
    assert rows.states == ["connecting", "ok", "stale", "ok"]
    stale = next(e for e in rows.events if e.label == "stale")
    assert stale.start_s == pytest.approx(rows.results[0].frame.pts_s + INTERVAL_S)


# -- failures


def test_a_source_that_fails_raises_from_the_results() -> None:
    rig = Rig()
    sink = rig.add()
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        rig.answered(sink)
        rig.camera.fail(OSError("given up"))
        with pytest.raises(OSError, match="given up"):
            list(rig.pipeline.results(output))
    assert sink.closed == 1
    assert sink.events[-1].end_s is not None
    assert rig.pipeline.outputs.failure is None


def test_a_classifier_that_fails_raises_from_the_results() -> None:
    def before(_size: int) -> None:
        raise MemoryError("too large")

    rig = Rig(before=before)
    sink = rig.add()
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        rig.camera.give()
        with pytest.raises(MemoryError, match="too large"):
            list(rig.pipeline.results(output))
    assert sink.closed == 1
    assert balanced(rig.counts) and rig.counts.in_flight == 0


def test_a_log_that_nobody_reads_holds_nothing_up() -> None:
    """Standard error may be a pipe that is full, or a terminal that was stopped."""
    reads = threading.Event()

    class Full(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reads.wait(PATIENCE_S)

    full, log = Full(), logging.getLogger("streamcls.runtime.live_pipeline")
    log.addHandler(full)
    rig = Rig()
    sink = rig.add()
    try:
        with rig:
            for _ in range(3):
                rig.answered(sink)
                rig.camera.lose("gone")
            rig.answered(sink)
            reads.set()
    finally:
        reads.set()
        log.removeHandler(full)
    assert sink.states.count("no_signal") == 3


# -- the end


def test_it_ends_after_the_duration() -> None:
    begun = time.monotonic()
    rig = Rig(duration_s=0.3)
    output = rig.pipeline.output("o", Wanted(newest=True))
    with rig:
        assert all(one is None for one in rig.pipeline.results(output))
        assert time.monotonic() - begun >= 0.3
    assert rig.stop.failure is None


def test_closing_ends_the_label_and_the_state_and_every_sink() -> None:
    rig = Rig()
    rows, shown = rig.add(), rig.add(every_frame=True)
    output = rig.pipeline.output("o", Wanted(answers=False, events=True))
    with rig:
        rig.answered(rows)
        rig.pipeline.close()
        rig.pipeline.close()
    states = [e for e in output.items() if isinstance(e, Event) and e.kind == "state"]
    assert [(e.label, e.end_s is None) for e in states] == [
        *(("connecting", True), ("connecting", False)),
        *(("ok", True), ("ok", False)),
    ]
    assert rig.camera.closed.is_set()
    for sink in (rows, shown):
        assert sink.closed == 1
        label, state = sink.events[-2:]
        assert (label.kind, label.label) == ("label", "cat")
        assert (state.kind, state.label) == ("state", "ok")
        assert label.end_s is not None and state.end_s is not None
        assert rows.results[0].frame.pts_s < label.end_s <= state.end_s


def test_a_run_that_was_never_started_can_be_closed() -> None:
    rig = Rig()
    sink = rig.add()
    rig.pipeline.close()
    assert sink.closed == 1


def test_a_loop_body_that_raises_leaves_no_thread() -> None:
    rig = Rig()
    sink = rig.add()
    with pytest.raises(ZeroDivisionError), rig.pipeline:
        rig.pipeline.start()
        rig.answered(sink)
        raise ZeroDivisionError
    assert not [t for t in threading.enumerate() if t.name.startswith("streamcls")]
    assert sink.closed == 1


def test_a_source_that_hangs_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """In a read that never returns. The rest of the run ends as ever."""
    rig = Rig(ends=False)
    sink = rig.add()
    with rig:
        rig.answered(sink)
        begun = time.monotonic()
        rig.pipeline.close()
        took_s = time.monotonic() - begun
        assert rig.camera.hangs.is_set()
        assert not rig.camera.closed.is_set()
        assert sink.closed == 1
        assert sink.events[-1].end_s is not None
        assert "streamcls-capture did not end" in caplog.text
    assert 1.5 < took_s < 2.0 + 1.0
    assert rig.camera.closed.is_set()


def test_a_frame_that_comes_after_the_end_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The read that hung returns at last."""
    monkeypatch.setattr(live_pipeline, "_JOIN_S", 0.1)
    rig = Rig(ends=False)
    sink = rig.add(every_frame=True)
    with rig:
        rig.camera.give()
        sink.until_it_has(0)
        rig.pipeline.close()
        rig.camera.give(wait=False)
        assert rig.camera.closed.wait(PATIENCE_S)
    assert rig.counts.read == 1
    assert sink.indices == [0]


# -- status


def test_the_status_can_be_asked_for_at_any_time() -> None:
    rig = Rig()
    sink = rig.add()
    before = rig.pipeline.status
    assert before.state == "connecting"
    with rig:
        rig.answered(sink)
        found: Status = rig.pipeline.status
        assert (found.state, found.reason, found.dropped) == ("ok", "", 0)
        assert found.age_ms is not None
    assert rig.pipeline.status.state == "ok"
