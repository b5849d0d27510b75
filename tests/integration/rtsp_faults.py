"""What can happen to a real RTSP camera, each as a function that makes it happen and looks on.

Used by the tests, and by scripts/drill_rtsp.py for a table with longer times.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from streamcls.builders.backend import Work
from streamcls.builders.live import build_live
from streamcls.builders.model import load_classifier
from streamcls.config.options import from_options
from streamcls.inference.classifier import ImageClassifier
from streamcls.metrics import Metrics
from streamcls.records import Event, Result
from streamcls.runtime.stop import Stop
from tests.integration.rtsp import FaultProxy, RtspServer

WAIT_S = 40.0  # for what is sure to come
LOOK_S = 0.02
EDGE_S = 0.2  # frames taken just before a fault count as real


def demo_classifier() -> ImageClassifier:
    """The built-in model, one picture at a time."""
    settings = from_options({"source": "sim://", "model": "demo"})
    return load_classifier(settings.model, Work(1, 1), progress=False)


@dataclass(eq=False)
class Witness:
    """A sink that writes down when it got what; times are seconds of our monotonic clock."""

    every_frame: bool = False
    rows: list[tuple[float, float, Result]] = field(default_factory=list)  # captured, here
    states: list[tuple[str, str, float]] = field(default_factory=list)  # label, reason, here

    def write(self, result: Result) -> None:
        self.rows.append((result.frame.captured_ns / 1e9, time.monotonic(), result))

    def event(self, event: Event) -> None:
        if event.kind == "state" and event.end_s is None:
            self.states.append((event.label, event.reason, time.monotonic()))

    def close(self) -> None:
        pass


class Watched:
    """A run over a camera, with a witness."""

    def __init__(self, url: str, classifier: Any, **options: object) -> None:
        self.stop = Stop()
        self.witness = Witness()
        self.metrics = Metrics()
        self.run = build_live(
            from_options({"source": url, "camera": "cam", **options}),
            stop=self.stop,
            metrics=self.metrics,
            progress=False,
            classifier=classifier,
        )
        self.pipeline = self.run.pipeline

    def until(self, met: Callable[[], object], *, within_s: float = WAIT_S) -> bool:
        """Waits until a condition is met; whether it was in time."""
        end_s = time.monotonic() + within_s
        while not met():
            if time.monotonic() > end_s:
                return False
            time.sleep(LOOK_S)
        return True

    def labels_after(self, since_s: float) -> float | None:
        """When the first row of a frame taken after a time was here."""
        return next((here for taken, here, _ in self.witness.rows if taken > since_s), None)

    def noticed_after(self, since_s: float) -> tuple[str, float] | None:
        """The first state but ok that came after a time, and when."""
        found = ((s, at) for s, _, at in self.witness.states if at >= since_s and s != "ok")
        return next(found, None)

    def rows_between(self, begin_s: float, end_s: float) -> int:
        return sum(begin_s + EDGE_S < taken < end_s for taken, _, _ in self.witness.rows)


@contextmanager
def watched(url: str, classifier: Any, **options: object) -> Iterator[Watched]:
    one = Watched(url, classifier, **options)
    with one.pipeline:
        one.pipeline.add("witness", one.witness)
        one.pipeline.start()
        yield one


@dataclass(frozen=True, eq=False)
class Outcome:
    """Seconds until a fault was noticed and until labels flowed again after its cause was gone."""

    fault: str
    state: str
    noticed_s: float | None
    rows: int
    recovered_s: float | None
    threads: int


def outcome(
    fault: str, one: Watched, begin_s: float, end_s: float, *, recovers: bool = True
) -> Outcome:
    """Waits for the recovery, ends the run, and says what happened between begin and end."""
    if recovers:
        one.until(lambda: one.labels_after(end_s))
    one.pipeline.close()
    again_s = one.labels_after(end_s)
    noticed = one.noticed_after(begin_s)
    left = [t for t in threading.enumerate() if t.name.startswith("streamcls-")]
    return Outcome(
        fault=fault,
        state=noticed[0] if noticed else "-",
        noticed_s=noticed[1] - begin_s if noticed else None,
        rows=one.rows_between(begin_s, end_s),
        recovered_s=again_s - end_s if again_s else None,
        threads=len(left),
    )


def flowing(one: Watched) -> None:
    """Waits for the first labels."""
    assert one.until(lambda: len(one.witness.rows) > 5), one.witness.states


def killed(classifier: Any, *, away_s: float, size: str | None = None) -> Outcome:
    """The server is killed and comes back later, with pictures of another size if that is given."""
    with RtspServer() as server, watched(server.url, classifier) as one:
        flowing(one)
        begin_s = time.monotonic()
        server.kill()
        one.until(lambda: time.monotonic() > begin_s + away_s, within_s=away_s + 1)
        server.restart(size=size)
        name = "killed and restarted" if size is None else f"restarted with {size}"
        found = outcome(name, one, begin_s, time.monotonic())
        if size is not None:
            last = one.witness.rows[-1][2]
            logging.getLogger(__name__).info("last frame %s", last.frame.image.shape)
        return found


def stopped(classifier: Any, *, for_s: float) -> Outcome:
    """The server stands still (SIGSTOP), connections stay open."""
    with RtspServer() as server, watched(server.url, classifier) as one:
        flowing(one)
        begin_s = time.monotonic()
        server.pause()
        one.until(lambda: time.monotonic() > begin_s + for_s, within_s=for_s + 1)
        end_s = time.monotonic()
        server.resume()
        return outcome("stopped (SIGSTOP)", one, begin_s, end_s)


def late_start(classifier: Any, *, after_s: float) -> Outcome:
    """The camera comes up only after the run."""
    server = RtspServer()
    with watched(server.url, classifier) as one:
        begin_s = time.monotonic()
        one.until(lambda: time.monotonic() > begin_s + after_s, within_s=after_s + 1)
        with server:
            return outcome("started after the run", one, begin_s, time.monotonic())


def wrong_password(classifier: Any, *, for_s: float) -> Outcome:
    """The server refuses us."""
    with RtspServer(user="anna", password="right") as server:
        url = server.url.replace("right", "wr0ng")
        with watched(url, classifier) as one:
            begin_s = time.monotonic()
            one.until(lambda: time.monotonic() > begin_s + for_s, within_s=for_s + 1)
            found = outcome("wrong password", one, begin_s, time.monotonic(), recovers=False)
            tries = [reason for state, reason, _ in one.witness.states if state == "no_signal"]
            assert tries == ["wrong user or password (401)"], tries
            return found


def dead_address(classifier: Any, *, connect_timeout: float) -> Outcome:
    """Something accepts the connection and never says a word; later it does."""
    with ExitStack() as stack:
        server = stack.enter_context(RtspServer())
        line = stack.enter_context(FaultProxy(server.port))
        line.mute = True
        one = stack.enter_context(watched(line.url, classifier, connect_timeout=connect_timeout))
        begin_s = time.monotonic()
        assert one.until(lambda: one.noticed_after(begin_s))
        end_s = time.monotonic()
        line.mute = False
        return outcome("connect hangs", one, begin_s, end_s)


def on_a_line(
    classifier: Any, fault: str, change: Callable[[FaultProxy], None], *, for_s: float
) -> Outcome:
    """The line gets bad for a while."""
    with ExitStack() as stack:
        server = stack.enter_context(RtspServer())
        line = stack.enter_context(FaultProxy(server.port))
        one = stack.enter_context(watched(line.url, classifier))
        flowing(one)
        begin_s = time.monotonic()
        change(line)
        one.until(lambda: time.monotonic() > begin_s + for_s, within_s=for_s + 1)
        end_s = time.monotonic()
        line.delay_s, line.bytes_per_s, line.corrupt, line.mute = 0.0, None, 0.0, False
        return outcome(fault, one, begin_s, end_s)
