"""A run over a recorded file: who does what on which thread, and how it ends.

    capture thread     source ─► sampler ─► queue (bounded, in order) and batches for the workers
    worker threads     batch ─► classifier
    the caller         queue ─► waits for the frame's batch ─► labels ─► Result

Every frame goes through the one queue in the order it was read, whichever worker is done first, so
nothing is lost and nothing is reordered. The queue's bound is the only one: it makes the capture
wait for the caller.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from streamcls import clock
from streamcls.closing import Closing
from streamcls.metrics import Metrics
from streamcls.protocols import Classified, Sink, Source
from streamcls.records import NO_IMAGE, Event, Frame, Grabbed, Picture, Result, as_bgr
from streamcls.runtime.buffer import Buffer, Finished
from streamcls.runtime.labels import Labelling, Labels, timing
from streamcls.runtime.output_queue import Wanted
from streamcls.runtime.stop import Stop
from streamcls.runtime.threads import Threads

_LOOK_S = 0.1  # how often a waiting caller looks for a signal
_QUEUE_BYTES = 256_000_000  # of pictures in the queue
_SPAN = 16  # frames of the queue that one batch may spread over, where few of them are sampled


@dataclass(slots=True, eq=False)
class _Batch:
    """Pictures that are classified together."""

    pictures: list[Picture] = field(default_factory=list)
    entries: int = 0  # frames in the queue since it was begun, sampled or not
    done: threading.Event = field(default_factory=threading.Event)
    answer: Classified | None = None
    begun_ns: int = 0
    ended_ns: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A frame in the queue, with its place in its batch if it is classified."""

    grabbed: Grabbed
    picture: Picture | None  # None where nobody wants to see it
    batch: _Batch | None
    place: int


class FilePipeline(Closing):
    """One source through one classifier; iterate over `results()` once.

    Use it in a `with`; leaving it stops the threads, whatever happened inside.
    """

    def __init__(
        self,
        source: Source,
        labelling: Labelling,
        *,
        wanted: Wanted,
        workers: int,
        metrics: Metrics,
        stop: Stop,
    ) -> None:
        """Takes over the source and closes it at the end.

        Args:
            source: where frames come from.
            labelling: how they get their labels.
            wanted: whether frames that are not classified come out too, and whether results have
                their pictures; without them nothing is made BGR.
            workers: how many batches are classified at the same time.
            metrics: where frames are counted.
            stop: what ends the run early.
        """
        self._source = source
        self._sampler = labelling.sampler
        self._classifier = classifier = labelling.classifier
        self._relabel = labelling.relabel
        self._labels = Labels(labelling.smoother(source.info.camera), top_k=labelling.top_k)
        self._wanted = wanted
        self._metrics = metrics
        self._stop = stop
        frame_bytes = source.info.width * source.info.height * 3
        room = max(classifier.batch, _QUEUE_BYTES // frame_bytes)
        # The span says which frames share a batch, so it must not depend on the number of workers.
        self._span = min(room, _SPAN)
        self._in_order: Buffer[_Entry] = Buffer(
            min(room, max(_SPAN, classifier.batch * (workers + 1)))
        )
        self._work: Buffer[_Batch] = Buffer(max(1, workers // 2))
        self._workers = workers
        self._end_s = self._read_s = source.info.start_s  # end of the last frame out, and in
        self._threads = Threads(self._stop)

    def close(self) -> None:
        """Ends the threads and closes the source; what is still in flight counts as dropped."""
        self._stop.set()
        if self._threads.join():
            self._source.close()
        self._metrics.drop_in_flight("stopped")

    def results(self) -> Iterator[Result]:
        """The frames with their answers, in order.

        Raises:
            the first failure of any thread.
        """
        self._stop.wake(self._in_order.abort)
        self._stop.wake(self._work.abort)
        self._threads.start("capture", self._capture)
        for number in range(self._workers):
            self._threads.start(f"worker-{number}", self._classify, background=True)
        while (entry := self._next_entry()) is not None:
            yield self._result(entry)
        if self._stop.failure is not None:
            raise self._stop.failure

    @property
    def ended_well(self) -> bool:
        """Whether the source came to its end and had a good frame."""
        done = self._metrics.snapshot()
        return not self._stop.is_set and done.read > sum(done.rejected.values())

    def finish(self) -> tuple[Event, ...]:
        """Closes the open segment, at the end of the last frame that came out."""
        return self._labels.end(self._end_s)

    # -- capture thread

    def _capture(self) -> None:
        batch = _Batch()
        for grabbed in self._source.grab():
            self._metrics.read()
            if grabbed.fault is not None:
                self._metrics.rejected(grabbed.fault)
                continue
            self._read_s = grabbed.pts_s + grabbed.duration_s
            sampled = self._sampler.wants(grabbed)
            if not sampled and not self._wanted.frames:
                self._metrics.not_sampled()
                continue
            entry = self._entry(grabbed, batch if sampled else None)
            batch.entries += 1
            if not self._in_order.put(entry):
                return
            if len(batch.pictures) == self._classifier.batch or batch.entries == self._span:
                if batch.pictures and not self._work.put(batch):
                    return
                batch = _Batch()
        if batch.pictures and not self._work.put(batch):
            return
        self._work.finish()
        self._in_order.finish()

    def _entry(self, grabbed: Grabbed, batch: _Batch | None) -> _Entry:
        picture = self._source.retrieve()
        if batch is not None:
            batch.pictures.append(picture)
        place = len(batch.pictures) - 1 if batch is not None else 0
        return _Entry(grabbed, picture if self._wanted.images else None, batch, place)

    # -- worker threads

    def _classify(self) -> None:
        while True:
            try:
                batch = self._work.get()
            except Finished:
                return
            batch.begun_ns = clock.now_ns()
            batch.answer = self._classifier.classify(batch.pictures)
            batch.ended_ns = clock.now_ns()
            batch.pictures.clear()  # nobody needs them any more but who wants to see them
            batch.done.set()

    # -- the caller's thread

    def _next_entry(self) -> _Entry | None:
        """The next frame of the queue once it is classified; None at the end and at a stop."""
        while not self._stop.is_set:
            try:
                entry = self._in_order.get(_LOOK_S)
            except TimeoutError:
                continue
            except Finished:
                if not self._stop.is_set:  # all frames came out; the last ones were not classified
                    self._end_s = max(self._end_s, self._read_s)
                return None
            while entry.batch is not None and not entry.batch.done.wait(_LOOK_S):
                if self._stop.is_set:
                    return None
            return entry
        return None

    def _frame(self, entry: _Entry) -> Frame:
        grabbed = entry.grabbed
        return Frame(
            camera=self._source.info.camera,
            index=grabbed.index,
            pts_s=grabbed.pts_s,
            time_source=grabbed.time_source,
            duration_s=grabbed.duration_s,
            captured_ns=grabbed.captured_ns,
            captured_utc=None,
            sampled=entry.batch is not None,
            image=NO_IMAGE if entry.picture is None else as_bgr(entry.picture),
        )

    def _result(self, entry: _Entry) -> Result:
        frame, batch = self._frame(entry), entry.batch
        self._end_s = frame.pts_s + frame.duration_s
        if batch is None or batch.answer is None:
            self._metrics.not_sampled()
            return self._labels.result(frame)
        raw = self._relabel(batch.answer.predictions[entry.place])
        took = timing(frame.captured_ns, batch.begun_ns, batch.answer, batch.ended_ns)
        self._metrics.classified(took)
        events = self._labels.take(frame, raw)
        return self._labels.result(frame, raw, events=events, timing=took)


def run(pipeline: FilePipeline, open_sinks: Callable[[], Sequence[Sink]]) -> None:
    """Drives a pipeline to its end, or to its stop, into sinks.

    The sinks are opened when the first frame has its answer, so that a run that can't start leaves
    nothing behind; and at the end of a good recording of which no frame was wanted. They are all
    closed in the end, whatever happened.

    Raises:
        the first failure, after everything is closed.
    """
    sinks: Sequence[Sink] = ()
    failures: list[BaseException] = []
    try:
        with pipeline:
            for result in pipeline.results():
                sinks = sinks or open_sinks()
                _deliver(result, sinks)
            if not sinks and pipeline.ended_well:
                sinks = open_sinks()
    except BaseException as error:  # noqa: BLE001 - raised again below, when the sinks are closed
        failures.append(error)
    last_events = pipeline.finish()
    for sink in sinks:
        try:
            for event in last_events:
                sink.event(event)
            sink.close()
        except Exception as error:  # noqa: BLE001 - the other sinks are closed first
            failures.append(error)
    if failures:
        raise failures[0]


def _deliver(result: Result, sinks: Sequence[Sink]) -> None:
    for sink in sinks:
        for event in result.events:
            sink.event(event)
        if result.raw is not None or sink.every_frame:
            sink.write(result)
