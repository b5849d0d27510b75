"""What is known of a live camera at this moment, and everyone who wants to know of changes."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import get_args

from streamcls import clock
from streamcls.metrics import Metrics
from streamcls.records import (
    Event,
    Frame,
    Image,
    LiveFrame,
    Lost,
    Prediction,
    RegionLabel,
    Result,
    State,
    Status,
    Timing,
)
from streamcls.runtime.labels import Labels
from streamcls.runtime.rate import Rate
from streamcls.runtime.views import WHOLE, Views

log = logging.getLogger(__name__)

_CLOCK_SET_S = 0.05  # by which the system's clock has to differ to have been set
_LASTING = get_args(State)  # other events of kind "state" are of a moment
_WITHOUT_FRAMES = ("connecting", "no_signal", "stale")
_LATE_FRAMES = 5  # usual intervals without a frame, for slow cameras


class CameraState:
    """State of the source, steady label and last answer; any thread may call.

    Frames, losses and answers come from different threads. Each is taken in under one lock and told
    to the outputs before the next one, so all of them see the same order.
    """

    def __init__(
        self,
        camera: str,
        labels: Mapping[str, Labels],
        views: Views,
        *,
        begun_ns: int,
        stale_after_s: float,
        metrics: Metrics,
        tell: Callable[[Result | Event], None],
        say: Callable[[int, str], None] = log.log,
    ) -> None:
        """Begins in state "connecting", at 0 s.

        Args:
            camera: name for rows and events.
            labels: what the model says of each view, by its name; forgotten when the signal is
                lost.
            views: those views.
            begun_ns: `clock.now_ns` that is 0 s.
            stale_after_s: without a frame for so long, the source is stale.
            metrics: where frames are counted.
            tell: hands results and events to the outputs; must not wait.
            say: logs a line; must not wait, either, as standard error may.
        """
        self._camera = camera
        self._labels, self._views = labels, views
        self._begun_ns = begun_ns
        self._utc_offset_s = 0.0
        self._begun_utc: dict[tuple[str, str], float] = {}  # of what lasts, by kind and camera
        self._stale_after_s = stale_after_s
        self._metrics = metrics
        self._tell = tell
        self._say = say
        self._lock = threading.Lock()
        self._state: State = "connecting"
        self._reason, self._since_s = "", 0.0
        self._epoch = 0  # goes up when labels end; answers to frames before that come too late
        self._index = 0
        self._real_until_s = 0.0  # end of the last frame that could be trusted
        self._latest_s = 0.0  # of the last frame of any kind
        self._interval_s = 0.0
        self._age_ms: float | None = None
        self._frame_rate, self._label_rate = Rate(), Rate()
        self._dropped = 0
        self._failed: tuple[str, ...] = ()
        self._over = False
        metrics.in_state("connecting")

    def begin(self, now_s: float) -> None:
        """Tells the first state, which begins now: another run may have had the camera so far."""
        with self._lock:
            self._since_s = now_s
            self._tell(self._state_event(None))

    def frame(
        self, live: LiveFrame, image: Image | None, now_s: float, *, sampled: bool
    ) -> tuple[Frame, int] | None:
        """Takes in a frame, which came at `now_s`, and shows it.

        Args:
            live: the frame.
            image: its picture, `NO_IMAGE` where nobody wants to see it, None where there is none.
            now_s: seconds since the run began.
            sampled: whether it is to be classified.

        Returns:
            The frame to classify and what `classified` wants with its answer; None for one that
            can't be trusted.
        """
        with self._lock:
            self._index, self._latest_s = live.index, now_s
            self._interval_s = live.duration_s
            # A frame that was held up is old; that it is late begins now.
            at_s = now_s if live.fault == "late" else live.pts_s
            self._change(live.state, live.reason, at_s)
            self._frame_rate.count()
            if live.fault is None:
                self._real_until_s = live.pts_s + live.duration_s
            if image is None:
                return None
            frame = Frame(
                camera=self._camera,
                index=live.index,
                pts_s=live.pts_s,
                time_source="monotonic",
                duration_s=live.duration_s,
                captured_ns=live.captured_ns,
                captured_utc=live.captured_utc,
                sampled=sampled,
                image=image,
            )
            self._tell(self._shown(frame))
            return (frame, self._epoch) if live.fault is None else None

    def lost(self, lost: Lost, now_s: float) -> None:
        """The source gives no frames."""
        with self._lock:
            self._change("no_signal", lost.reason, now_s)

    def look(self, now_s: float) -> None:
        """Notices that frames stay away; to be called several times a second."""
        with self._lock:
            silent_s = now_s - self._latest_s
            allowed_s = max(self._stale_after_s, _LATE_FRAMES * self._interval_s)
            if self._state not in _WITHOUT_FRAMES and silent_s > allowed_s:
                self._change("stale", f"no frame for {allowed_s:.1f} s", now_s)

    def classified(
        self, view: str, frame: Frame, epoch: int, prediction: Prediction, timing: Timing
    ) -> Result | None:
        """Takes in the answer to a view of a frame; None if the signal was lost meanwhile."""
        with self._lock:
            if self._over:
                return None
            if epoch != self._epoch:
                self._metrics.dropped("signal lost")
                return None
            self._metrics.classified(timing)
            self._age_ms = timing.age_ms
            self._label_rate.count()
            labels = self._labels[view]
            events = tuple(map(self._dated, labels.take(frame, prediction)))
            for event in events:
                self._tell(event)
            result = labels.result(
                frame, prediction, events=events, timing=timing, status=self._status()
            )
            self._tell(result)
            return result

    def _shown(self, frame: Frame) -> Result:
        """A frame as it is shown at once: with what holds now, in each region if there are some."""
        status = self._status()
        if not self._views.regions:
            return self._labels[WHOLE].result(frame, status=status)
        height, width = frame.image.shape[:2]
        regions = tuple(
            RegionLabel(name, box.edges(width, height), steady.label, steady.prob)
            for name, box in self._views.regions.items()
            if (steady := self._labels[name].steady)
        )
        return Result(frame, None, None, None, 0.0, (), None, 0, status, regions)

    def superseded(self) -> None:
        """A frame that waited for the classifier gave way to a newer one."""
        self._metrics.dropped("newer")
        self._dropped += 1

    def status(self) -> Status:
        """Of this moment."""
        with self._lock:
            return self._status()

    def tell_failure(self, output: str, reason: str, now_s: float) -> None:
        """An output failed; the others get to know."""
        with self._lock:
            self._failed = (*self._failed, output)
            self._tell(self._event("output_failed", now_s, now_s, f"{output}: {reason}"))

    def tell_recovery(self, output: str, now_s: float) -> None:
        """An output that failed works again."""
        with self._lock:
            self._failed = tuple(name for name in self._failed if name != output)
            self._tell(self._event("output_recovered", now_s, now_s, output))

    def finish(self, now_s: float) -> None:
        """The end of the run: closes the open segment and the state; answers come too late now."""
        with self._lock:
            self._over = True
            self._metrics.drop_in_flight("stopped")
            self._end_labels(min(now_s, self._real_until_s))
            self._tell(self._state_event(max(now_s, self._since_s)))

    def _change(self, state: State, reason: str, now_s: float) -> None:
        """Into another state, which began where the last one was no longer true."""
        # Only a loss has reasons worth telling apart; a delay that grows is one and the same.
        same = state == self._state and (state != "no_signal" or reason == self._reason)
        if same:
            return
        from_ok, first = self._state == "ok", self._state == "connecting"
        at_s = min(now_s, self._real_until_s) if from_ok else now_s
        at_s = max(at_s, self._since_s)
        if from_ok:
            self._end_labels(at_s)
        self._tell(self._state_event(at_s))
        self._state, self._reason, self._since_s = state, reason, at_s
        self._metrics.in_state(state)
        self._tell(self._state_event(None))
        if state == "ok":
            self._say(logging.INFO if first else logging.WARNING, f"{self._camera}: good signal")
        else:
            self._say(logging.WARNING, f"{self._camera}: {state.replace('_', ' ')}: {reason}")

    def _end_labels(self, at_s: float) -> None:
        for labels in self._labels.values():
            for event in labels.end(at_s):
                self._tell(self._dated(event))
        self._epoch += 1
        self._age_ms = None

    def _state_event(self, end_s: float | None) -> Event:
        return self._event(self._state, self._since_s, end_s, self._reason)

    def _event(self, label: str, start_s: float, end_s: float | None, reason: str) -> Event:
        return self._dated(
            Event(
                kind="state",
                camera=self._camera,
                label=label,
                start_s=start_s,
                end_s=end_s,
                mean_prob=0.0,
                peak_prob=0.0,
                peak_frame=self._index,
                reason=reason,
            )
        )

    def _dated(self, event: Event) -> Event:
        """With the times of the calendar; that of the beginning stays, whatever sets the clock."""
        key = (event.kind, event.camera)
        if event.end_s is None:
            start_utc = self._begun_utc[key] = self._utc(event.start_s)
            return replace(event, start_utc=start_utc)
        begun_utc = self._utc(event.start_s)
        if event.label in _LASTING or event.kind == "label":
            begun_utc = self._begun_utc.pop(key, begun_utc)
        return replace(event, start_utc=begun_utc, end_utc=self._utc(event.end_s))

    def _utc(self, at_s: float) -> float:
        """By the calendar; one moment stays the same, though two looks at the clock never are."""
        offset_s = clock.utc_s(self._begun_ns + round(at_s * 1e9)) - at_s
        if abs(offset_s - self._utc_offset_s) > _CLOCK_SET_S:
            self._utc_offset_s = offset_s
        return self._utc_offset_s + at_s

    def _status(self) -> Status:
        return Status(
            state=self._state,
            reason=self._reason,
            fps=self._frame_rate.value(),
            labels_fps=self._label_rate.value(),
            age_ms=self._age_ms,
            dropped=self._dropped,
            failed=self._failed,
        )
