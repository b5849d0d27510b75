"""Two models on the same frames: a source that both pipelines read is all it takes."""

import threading
from collections import deque
from collections.abc import Iterator

from streamcls.metrics import Metrics
from streamcls.protocols import Source
from streamcls.records import Grabbed, Picture, SourceInfo
from streamcls.runtime.file_pipeline import FilePipeline, run
from streamcls.runtime.labels import Labelling
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads
from streamcls.sampling import EveryNth
from streamcls.smoothing import SteadyLabel
from tests.fakes import FakeClassifier, FakeSource, ListSink

Item = tuple[Grabbed, Picture | None]
BEHIND = 20  # frames that one reader may be behind the other


class Tee:
    """Whoever needs the next frame first gets it for all."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._frames = source.grab()
        self._queues: list[deque[Item | None]] = []
        self._changed = threading.Condition()

    def branch(self) -> "Branch":
        self._queues.append(deque())
        return Branch(self, self._queues[-1])

    def next(self, own: deque[Item | None]) -> Item | None:
        with self._changed:
            others = [queue for queue in self._queues if queue is not own]
            assert self._changed.wait_for(
                lambda: own or all(len(queue) < BEHIND for queue in others), 10
            )
            if not own:
                grabbed = next(self._frames, None)
                good = grabbed is not None and grabbed.fault is None
                item = (grabbed, self.source.retrieve() if good else None) if grabbed else None
                for queue in self._queues:
                    queue.append(item)
            self._changed.notify_all()
            return own.popleft()


class Branch:
    """The source as one pipeline sees it."""

    def __init__(self, tee: Tee, queue: deque[Item | None]) -> None:
        self._tee, self._queue = tee, queue
        self._picture: Picture | None = None

    @property
    def info(self) -> SourceInfo:
        return self._tee.source.info

    def grab(self) -> Iterator[Grabbed]:
        while (item := self._tee.next(self._queue)) is not None:
            grabbed, self._picture = item
            yield grabbed

    def retrieve(self) -> Picture:
        assert self._picture is not None
        return self._picture

    def close(self) -> None:
        """The other one may go on."""


def pipeline(source: Source, every: int, batch: int) -> tuple[FilePipeline, Metrics]:
    metrics = Metrics()
    labelling = Labelling(
        EveryNth(every),
        FakeClassifier(batch=batch),
        lambda name: SteadyLabel(name, threshold=0.5, smoothing_s=0, dwell_s=0),
        top_k=1,
    )
    wanted = Wanted(images=True)
    made = FilePipeline(source, labelling, wanted=wanted, workers=2, metrics=metrics, stop=Stop())
    return made, metrics


def test_each_has_its_own_sampling_rows_and_ledger() -> None:
    tee, stop = Tee(FakeSource(200, faults=[7])), Stop()
    (first, all_frames), (second, some) = (
        pipeline(tee.branch(), 1, 4),
        pipeline(tee.branch(), 3, 2),
    )
    rows, others = ListSink(), ListSink()
    threads = Threads(stop)
    threads.start("second", lambda: run(second, lambda: [others]))
    run(first, lambda: [rows])
    assert threads.join(10)
    assert stop.failure is None
    assert [r.frame.index for r in rows.results] == [i for i in range(200) if i != 7]
    assert [r.frame.index for r in others.results] == list(range(0, 200, 3))
    shared = {r.frame.index: r.frame.image for r in rows.results}
    assert all(shared[r.frame.index] is r.frame.image for r in others.results)  # no copy
    for metrics, classified in ((all_frames, 199), (some, 67)):
        done = metrics.snapshot()
        assert (done.read, done.classified, done.rejected) == (200, classified, {"corrupt": 1})
