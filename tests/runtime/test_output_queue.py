import threading
from collections.abc import Iterator

import numpy as np
import pytest

from streamcls.metrics import Metrics
from streamcls.protocols import Sink
from streamcls.records import Event, Image, Result
from streamcls.runtime.buffer import Finished
from streamcls.runtime.output_queue import OutputQueue, Wanted, serve
from tests.fakes import ListSink, event, prediction, result


def queue(
    metrics: Metrics | None = None, *, images: bool = True, newest: bool = False
) -> OutputQueue:
    wanted = Wanted(frames=True, answers=False, images=images, newest=newest)
    return OutputQueue("out", wanted, metrics or Metrics())


def waiting(one: OutputQueue) -> Iterator[Result | Event]:
    """What is in it at this moment."""
    while True:
        try:
            yield one.get(0)
        except (TimeoutError, Finished):
            return


def results_in(one: OutputQueue) -> list[int]:
    return [item.frame.index for item in waiting(one) if isinstance(item, Result)]


def picture(megabytes: int) -> Image:
    return np.zeros((1000, megabytes * 1000 // 3, 3), np.uint8)


@pytest.mark.parametrize(("frames", "answers"), [(True, False), (False, True), (True, True)])
def test_it_says_what_it_wants(frames: bool, answers: bool) -> None:
    one = OutputQueue("o", Wanted(frames=frames, answers=answers), Metrics())
    assert (one.wants(result()), one.wants(result(raw=prediction()))) == (frames, answers)
    assert not one.wants(event())
    assert OutputQueue("o", Wanted(events=True), Metrics()).wants(event())


def test_everything_comes_out_in_order() -> None:
    one = queue()
    first, second, third = result(0), event(), result(1)
    for item in (first, second, third):
        one.put(item)
    assert list(waiting(one)) == [first, second, third]


def test_images_stay_behind_where_nobody_wants_them() -> None:
    one = queue(images=False)
    given = result(7, raw=prediction(), image=picture(3))
    one.put(given)
    (taken,) = waiting(one)
    assert isinstance(taken, Result)
    assert taken.frame.image.shape == (0, 0, 3)
    assert taken.frame.image.dtype == np.uint8
    assert not taken.frame.image.flags.writeable
    assert (taken.frame.index, taken.raw, taken.timing) == (7, given.raw, given.timing)
    assert given.frame.image.nbytes >= 2_900_000  # others still have it


def test_images_come_along_where_they_are_wanted() -> None:
    one = queue()
    given = result(7)
    one.put(given)
    assert list(waiting(one)) == [given]


def test_a_thousand_rows_wait_for_a_slow_disk_and_the_oldest_give_way() -> None:
    metrics = Metrics()
    one = queue(metrics, images=False)
    for index in range(1003):
        one.put(result(index))
    assert results_in(one) == list(range(3, 1003))
    counts = metrics.snapshot().outputs["out"]
    assert (counts.written, counts.dropped) == (1000, 3)


def test_as_many_pictures_wait_as_there_is_memory_for() -> None:
    """64 MB of them; more small ones than large ones, also when the size changes on the way."""
    one = queue()
    for index in range(10):
        one.put(result(index, image=picture(15)))
    assert results_in(one) == [6, 7, 8, 9]
    for index in range(10):
        one.put(result(index, image=picture(9)))
    assert results_in(one) == [3, 4, 5, 6, 7, 8, 9]


def test_of_huge_pictures_two_wait() -> None:
    one = queue()
    huge = picture(90)
    for index in range(5):
        one.put(result(index, image=huge))
    assert results_in(one) == [3, 4]


def test_for_a_screen_only_the_latest_matters() -> None:
    metrics = Metrics()
    one = queue(metrics, newest=True)
    for index in range(5):
        one.put(result(index))
    assert results_in(one) == [4]
    assert metrics.snapshot().outputs["out"].dropped == 4


def test_of_frames_and_answers_the_latest_of_each_matters() -> None:
    """Frames come more often: they must not push the answer out."""
    one = OutputQueue("o", Wanted(frames=True, images=True, newest=True), Metrics())
    one.put(result(0))
    one.put(result(0, raw=prediction()))
    for index in range(1, 6):
        one.put(result(index))
    taken = [(r.frame.index, r.raw is not None) for r in waiting(one) if isinstance(r, Result)]
    assert taken == [(0, True), (5, False)]


def test_the_result_that_comes_with_an_event_is_not_lost() -> None:
    """The event of a new label comes right before its result."""
    one = queue(newest=True)
    one.put(event(end_s=None))
    one.put(result(3))
    assert results_in(one) == [3]


@pytest.mark.parametrize("newest", [False, True])
def test_events_never_give_way(newest: bool) -> None:
    metrics = Metrics()
    one = queue(metrics, newest=newest)
    events = [event(str(number)) for number in range(50)]
    for number, each in enumerate(events):
        one.put(each)
        one.put(result(number, image=picture(30)))
    assert [item for item in waiting(one) if isinstance(item, Event)] == events


def test_only_results_are_counted() -> None:
    metrics = Metrics()
    one = queue(metrics)
    one.put(event())
    one.put(result(0))
    assert len(list(waiting(one))) == 2
    assert metrics.snapshot().outputs["out"].written == 1


def test_finished_it_gives_what_is_in_it_and_then_ends() -> None:
    one = queue()
    one.put(result(0))
    one.finish()
    assert [item.frame.index for item in one.items() if isinstance(item, Result)] == [0]
    with pytest.raises(Finished):
        one.get()


def test_aborted_it_lets_everything_go_also_what_comes_later() -> None:
    one = queue()
    one.put(result(0))
    one.abort()
    one.put(result(1))
    assert list(one.items()) == []


def served(one: OutputQueue, sink: Sink) -> list[tuple[str, Exception]]:
    """Serves a sink to its end, and gives the failures that were told."""
    failures: list[tuple[str, Exception]] = []
    serve(one, sink, lambda *failure: failures.append(failure))
    return failures


def test_a_sink_gets_results_and_events_and_is_closed_at_the_end() -> None:
    one, sink = queue(), ListSink(every_frame=True)
    told = event()
    one.put(told)
    one.put(result(0))
    one.put(result(1))
    one.finish()
    assert served(one, sink) == []
    assert [r.frame.index for r in sink.results] == [0, 1]
    assert sink.events == [told]
    assert sink.closed == 1


def test_it_is_closed_only_at_the_end() -> None:
    """A sink is served while results come in, and waits for more."""
    got = threading.Event()

    class Noticing(ListSink):
        def write(self, result: Result) -> None:
            super().write(result)
            got.set()

    one, sink = queue(), Noticing(every_frame=True)
    server = threading.Thread(target=served, args=(one, sink))
    server.start()
    one.put(result(0))
    assert got.wait(5)
    assert sink.closed == 0
    one.finish()
    server.join(5)
    assert sink.closed == 1


@pytest.mark.parametrize("newest", [False, True])
def test_a_sink_that_fails_is_closed_and_told_and_gets_nothing_more(newest: bool) -> None:
    metrics = Metrics()
    one, sink = queue(metrics, newest=newest), ListSink(every_frame=True, fail_at=0)
    one.put(result(0))
    ((where, error),) = served(one, sink)  # without `finish`: it ends by itself
    assert where == one.name
    assert str(error) == "sink failed"
    assert sink.closed == 1
    before = metrics.snapshot().outputs["out"]
    for index in range(3000):
        one.put(result(index))
    one.put(event())
    assert list(waiting(one)) == []  # let go of, not kept for ever
    after = metrics.snapshot().outputs["out"]
    assert (after.written, after.dropped) == (before.written, before.dropped)


def test_a_sink_that_fails_at_an_event() -> None:
    class Sour(ListSink):
        def event(self, event: Event) -> None:
            raise OSError("event failed")

    one, sink = queue(), Sour()
    one.put(event())
    ((_, error),) = served(one, sink)
    assert str(error) == "event failed"
    assert sink.closed == 1


def test_a_sink_that_fails_to_close() -> None:
    class Sour(ListSink):
        def close(self) -> None:
            super().close()
            raise OSError("close failed")

    one, sink = queue(), Sour()
    one.finish()
    ((where, error),) = served(one, sink)
    assert where == one.name
    assert str(error) == "close failed"
    assert sink.closed == 1


def test_the_first_of_two_failures_is_told() -> None:
    class Sour(ListSink):
        def close(self) -> None:
            raise OSError("close failed")

    one = queue()
    one.put(result(0))
    ((_, error),) = served(one, Sour(every_frame=True, fail_at=0))
    assert str(error) == "sink failed"
