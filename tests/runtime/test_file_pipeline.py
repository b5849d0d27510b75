import threading
from collections.abc import Callable, Sequence

import pytest

from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.records import SourceInfo
from streamcls.runtime.file_pipeline import FilePipeline, run
from streamcls.runtime.labels import Labelling
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop
from streamcls.sampling import EveryNth
from streamcls.smoothing import SteadyLabel
from tests.fakes import LABELS, FakeClassifier, FakeSource, ListSink, info


class Made:
    """A pipeline of fakes, and what it is made of."""

    def __init__(
        self,
        source: FakeSource,
        *,
        classifier: FakeClassifier | None = None,
        every: int = 1,
        workers: int = 2,
        all_frames: bool = False,
    ) -> None:
        self.source = source
        self.classifier = classifier or FakeClassifier()
        self.metrics = Metrics()
        self.stop = Stop()
        self.pipeline = FilePipeline(
            source,
            Labelling(
                EveryNth(every),
                self.classifier,
                lambda name: SteadyLabel(name, threshold=0.5, smoothing_s=0, dwell_s=0),
                top_k=3,
            ),
            wanted=Wanted(frames=all_frames, images=True),
            workers=workers,
            metrics=self.metrics,
            stop=self.stop,
        )

    def run(self, *sinks: Sink, opener: Callable[[], Sequence[Sink]] | None = None) -> None:
        run(self.pipeline, opener or (lambda: sinks))


def total(made: Made) -> int:
    s = made.metrics.snapshot()
    assert s.in_flight == 0
    return s.classified + s.not_sampled + sum(s.dropped.values()) + sum(s.rejected.values())


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 4])
def test_nothing_is_lost_and_order_is_kept(workers: int, batch: int) -> None:
    made = Made(FakeSource(203), classifier=FakeClassifier(batch=batch), workers=workers)
    sink = ListSink()
    made.run(sink)
    assert [r.frame.index for r in sink.results] == list(range(203))
    # Each frame has its own answer, not its neighbour's.
    assert [r.top(1)[0].class_id for r in sink.results] == [i % 256 % 3 for i in range(203)]
    assert made.metrics.snapshot().classified == made.metrics.snapshot().read == 203
    assert sink.closed == 1
    assert made.source.closed == 1


def test_slow_workers_do_not_change_the_order() -> None:
    """The first batch is done last."""
    others_done = threading.Event()
    calls: list[int] = []

    def before(_size: int) -> None:
        calls.append(0)
        if len(calls) == 1:
            others_done.wait(5)
        else:
            others_done.set()

    made = Made(FakeSource(40), classifier=FakeClassifier(before=before))
    sink = ListSink()
    made.run(sink)
    assert [r.frame.index for r in sink.results] == list(range(40))


def test_batches_do_not_depend_on_the_number_of_workers() -> None:
    sizes = []
    for workers in (1, 4):
        made = Made(FakeSource(50), every=3, all_frames=True, workers=workers)
        made.run(ListSink(every_frame=True))
        sizes.append(sorted(made.classifier.sizes))
    assert sizes[0] == sizes[1]
    assert sum(sizes[0]) == 17


def test_frames_that_are_not_sampled_are_counted_and_never_converted() -> None:
    made = Made(FakeSource(20), every=5)
    sink = ListSink()
    made.run(sink)
    assert [r.frame.index for r in sink.results] == [0, 5, 10, 15]
    assert made.source.retrieved == [0, 5, 10, 15]
    assert made.metrics.snapshot().not_sampled == 16


def test_all_frames_come_with_the_last_steady_label() -> None:
    made = Made(FakeSource(8), every=4, all_frames=True)
    every, only = ListSink(every_frame=True), ListSink()
    made.run(every, only)
    assert [r.frame.index for r in every.results] == list(range(8))
    assert [r.raw is not None for r in every.results] == [i % 4 == 0 for i in range(8)]
    steady = [LABELS[i % 3] for i in (0, 0, 0, 0, 4, 4, 4, 4)]
    assert [r.steady for r in every.results] == steady
    assert [r.top(1)[0].label for r in every.results] == steady
    assert [r.timing is None for r in every.results] == [i % 4 != 0 for i in range(8)]
    assert [r.frame.index for r in only.results] == [0, 4]


def test_sparse_sampling_of_all_frames_does_not_lock_up() -> None:
    """A batch that would fill up only after more frames than the queue holds is sent off before."""
    made = Made(FakeSource(500), every=100, all_frames=True)
    sink = ListSink(every_frame=True)
    made.run(sink)
    assert len(sink.results) == 500
    assert made.metrics.snapshot().classified == 5


def test_huge_frames_do_not_lock_up_either() -> None:
    """The lane holds fewer of them, but at least a batch."""
    about: SourceInfo = info(width=20_000, height=20_000)
    made = Made(FakeSource(30, about=about), every=3, all_frames=True)
    sink = ListSink(every_frame=True)
    made.run(sink)
    assert len(sink.results) == 30


def test_faulty_frames_are_rejected_by_cause() -> None:
    made = Made(FakeSource(10, faults=(0, 3, 9)))
    sink = ListSink()
    made.run(sink)
    assert [r.frame.index for r in sink.results] == [1, 2, 4, 5, 6, 7, 8]
    assert made.metrics.snapshot().rejected == {"corrupt": 3}
    assert total(made) == 10


def test_the_last_segment_ends_with_the_last_frame_read() -> None:
    """Also where the last frames were read but not classified."""
    made = Made(FakeSource(23), every=10)
    sink = ListSink()
    made.run(sink)
    assert sink.events[-1].end_s == pytest.approx(2.3)


def test_a_run_that_is_cut_short_ends_its_segment_with_the_last_frame_out() -> None:
    """Not with the frames that were read after it and dropped."""
    calls: list[int] = []

    def before(_size: int) -> None:
        calls.append(0)
        if len(calls) == 2:
            raise MemoryError

    made = Made(FakeSource(1000), classifier=FakeClassifier(before=before), workers=1)
    sink = ListSink()
    with pytest.raises(MemoryError):
        made.run(sink)
    assert made.metrics.snapshot().read > len(sink.results)
    if sink.results:  # the failure may come before the first frame is out
        assert sink.events[-1].end_s == pytest.approx(len(sink.results) / 10)


def test_events_reach_the_sinks_before_the_frame_that_caused_them() -> None:
    order: list[str] = []

    class Recorder(ListSink):
        def write(self, result: object) -> None:
            order.append("frame")

        def event(self, event: object) -> None:
            order.append("event")

    Made(FakeSource(1)).run(Recorder())
    assert order == ["event", "frame", "event"]


def test_a_failing_source_ends_the_run_with_its_error_and_closed_sinks() -> None:
    source = FakeSource(100)
    source.fail_at = 50
    made = Made(source)
    sink = ListSink()
    with pytest.raises(OSError, match="the disk went away"):
        made.run(sink)
    assert sink.closed == 1
    assert source.closed == 1
    assert total(made) == made.metrics.snapshot().read


def test_a_failing_classifier_ends_the_run() -> None:
    def before(_size: int) -> None:
        raise MemoryError("too large")

    made = Made(FakeSource(1000), classifier=FakeClassifier(before=before))
    with pytest.raises(MemoryError, match="too large"):
        made.run(ListSink())
    assert total(made) == made.metrics.snapshot().read


def test_a_failing_sink_ends_the_run_and_the_others_are_closed() -> None:
    made = Made(FakeSource(1000))
    before, failing, after = ListSink(), ListSink(fail_at=7), ListSink()
    with pytest.raises(OSError, match="sink failed"):
        made.run(before, failing, after)
    assert (before.closed, failing.closed, after.closed) == (1, 1, 1)
    assert [e.end_s is None for e in before.events][-1] is False  # the open segment was ended
    assert total(made) == made.metrics.snapshot().read


def test_the_first_of_two_failures_is_reported() -> None:
    class Sour(ListSink):
        def close(self) -> None:
            raise OSError("close failed")

    with pytest.raises(OSError, match="sink failed"):
        Made(FakeSource(100)).run(Sour(), ListSink(fail_at=3))


def test_a_failure_to_close_is_reported_if_it_is_the_only_one() -> None:
    class Sour(ListSink):
        def close(self) -> None:
            super().close()
            raise OSError("close failed")

    other = ListSink()
    with pytest.raises(OSError, match="close failed"):
        Made(FakeSource(10)).run(Sour(), other)
    assert other.closed == 1


def test_sinks_are_opened_only_when_there_is_a_result() -> None:
    opened: list[str] = []

    def opener() -> list[ListSink]:
        opened.append("opened")
        return [ListSink()]

    Made(FakeSource(5, faults=range(5))).run(opener=opener)
    assert opened == []
    Made(FakeSource(5)).run(opener=opener)
    assert opened == ["opened"]


def test_a_stop_drops_what_is_in_flight_and_counts_it() -> None:
    made = Made(FakeSource(100_000))

    class Stopper(ListSink):
        def write(self, result: object) -> None:
            super().write(result)  # type: ignore[arg-type]
            if len(self.results) == 10:
                made.stop.set()

    sink = Stopper()
    made.run(sink)
    assert len(sink.results) == 10
    done = made.metrics.snapshot()
    assert done.dropped["stopped"] == done.read - 10
    assert total(made) == done.read
    assert sink.closed == 1


def test_a_loop_that_is_left_early_leaves_no_thread() -> None:
    made = Made(FakeSource(100_000))
    with made.pipeline:
        for _ in made.pipeline.results():
            break
    assert made.source.closed == 1
    assert not [t for t in threading.enumerate() if t.name.startswith("streamcls")]


def test_a_loop_body_that_raises_leaves_no_thread() -> None:
    made = Made(FakeSource(100_000))
    with pytest.raises(ZeroDivisionError), made.pipeline:
        for _ in made.pipeline.results():
            raise ZeroDivisionError
    assert made.source.closed == 1


def test_a_slow_consumer_makes_the_source_wait() -> None:
    """The lane is bounded: nothing is read far ahead of what was taken out."""
    made = Made(FakeSource(10_000), workers=2)
    with made.pipeline:
        results = made.pipeline.results()
        for taken in range(1, 200):
            next(results)
            # The lane, two batches with the workers, one being filled, one frame in hand.
            assert made.metrics.snapshot().read <= taken + 16 + 3 * 4 + 1


def test_ages_are_measured_from_the_capture() -> None:
    made = Made(FakeSource(5))
    sink = ListSink()
    made.run(sink)
    for one in sink.results:
        assert one.timing is not None
        assert 0 <= one.timing.waited_ms <= one.timing.age_ms
        assert one.timing.infer_ms == 2.0
