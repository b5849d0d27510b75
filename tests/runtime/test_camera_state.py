"""The state of a camera alone, on one thread, with times that the tests make up."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from streamcls import clock as clock_module
from streamcls.metrics import Metrics
from streamcls.records import Event, Fault, Frame, Image, LiveFrame, Lost, Result, State, Timing
from streamcls.runtime.camera_state import CameraState
from streamcls.runtime.labels import Labels
from streamcls.runtime.views import WHOLE, Views
from streamcls.smoothing import SteadyLabel
from tests.fakes import prediction

INTERVAL_S = 0.1
TIMING = Timing(1.0, 2.0, 3.0, 42.0)
CAT, DOG = prediction(0.9, 0.08, 0.02), prediction(0.08, 0.9, 0.02)
PICTURE: Image = np.zeros((24, 32, 3), np.uint8)


@dataclass
class Made:
    """One, and what it has told."""

    stale_after_s: float = 2.0
    smoothing_s: float = 0.0
    dwell_s: float = 0.0
    metrics: Metrics = field(default_factory=Metrics)
    told: list[Result | Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        smoother = SteadyLabel(
            "cam", threshold=0.5, smoothing_s=self.smoothing_s, dwell_s=self.dwell_s
        )
        self.camera = CameraState(
            "cam",
            {WHOLE: Labels(smoother, top_k=2)},
            Views(),
            begun_ns=0,
            stale_after_s=self.stale_after_s,
            metrics=self.metrics,
            tell=self.told.append,
        )
        self.index = -1

    def frame(
        self,
        pts_s: float,
        *,
        now_s: float | None = None,
        fault: Fault | None = None,
        state: State = "ok",
        reason: str = "",
        interval_s: float = INTERVAL_S,
        image: Image | None = PICTURE,
        sampled: bool = True,
    ) -> tuple[Frame, int] | None:
        """A frame that was captured at `pts_s` and came at once, or at `now_s`."""
        self.index += 1
        ns = round(pts_s * 1e9)
        live = LiveFrame(
            self.index, pts_s, interval_s, ns, 1e9 + pts_s, image, fault, state, reason
        )
        now_s = pts_s if now_s is None else now_s
        self.metrics.read()
        return self.camera.frame(live, image, now_s, sampled=sampled)

    def good(self, pts_s: float) -> tuple[Frame, int]:
        taken = self.frame(pts_s)
        assert taken is not None
        return taken

    def labelled(self, pts_s: float) -> Result:
        """A good frame and its answer."""
        result = self.camera.classified(WHOLE, *self.good(pts_s), CAT, TIMING)
        assert result is not None
        return result

    def states(self) -> list[tuple[str, float, float | None, str]]:
        """The events of kind "state" in their order."""
        return [
            (e.label, round(e.start_s, 6), None if e.end_s is None else round(e.end_s, 6), e.reason)
            for e in self.told
            if isinstance(e, Event) and e.kind == "state"
        ]

    def labels(self) -> list[tuple[str, float, float | None]]:
        """Those of kind "label"."""
        return [
            (e.label, round(e.start_s, 6), None if e.end_s is None else round(e.end_s, 6))
            for e in self.told
            if isinstance(e, Event) and e.kind == "label"
        ]

    def results(self) -> list[Result]:
        return [item for item in self.told if isinstance(item, Result)]


def in_state_ok(**options: float) -> Made:
    """Connected at 1.0 s, labelled "cat"; the last good frame is that of 1.2 s."""
    made = Made(**options)  # type: ignore[arg-type]
    made.camera.begin(0.0)
    for pts_s in (1.0, 1.1, 1.2):
        made.labelled(pts_s)
    made.told.clear()
    return made


# -- states


def test_connecting_begins_when_it_starts_and_not_when_it_was_made() -> None:
    made = Made()
    made.camera.begin(0.7)
    made.frame(1.5)
    assert made.states()[1] == ("connecting", 0.7, 1.5, "")


def test_it_begins_with_connecting_and_is_ok_with_the_first_good_frame() -> None:
    made = Made()
    assert made.camera.status().state == made.metrics.snapshot().state == "connecting"
    made.camera.begin(0.0)
    assert made.states() == [("connecting", 0.0, None, "")]
    made.frame(1.5)
    assert made.states()[1:] == [("connecting", 0.0, 1.5, ""), ("ok", 1.5, None, "")]
    assert made.camera.status().state == made.metrics.snapshot().state == "ok"
    assert made.metrics.snapshot().connections == 1
    made.frame(1.6)
    assert len(made.states()) == 3


def loses(made: Made) -> None:
    made.camera.lost(Lost("the camera hung up", 1.0), 5.0)


def black(made: Made) -> None:
    made.frame(1.4, fault="black", state="black", reason="the picture is black")


def late(made: Made) -> None:
    made.frame(1.4, now_s=3.4, fault="late", state="late", reason="held up for 2.0 s")


def stale(made: Made) -> None:
    made.camera.look(4.0)


@pytest.mark.parametrize(
    ("happens", "state", "reason"),
    [
        (loses, "no_signal", "the camera hung up"),
        (black, "black", "the picture is black"),
        (late, "late", "held up for 2.0 s"),
        (stale, "stale", "no frame for 2.0 s"),
    ],
)
def test_what_follows_ok_begins_where_the_last_real_frame_ended(
    happens: Callable[[Made], None], state: str, reason: str
) -> None:
    """However late that is noticed; the label ends there, too, and before the state."""
    made = in_state_ok()
    happens(made)
    assert made.states() == [("ok", 1.0, 1.3, ""), (state, 1.3, None, reason)]
    assert made.labels() == [("cat", 1.0, 1.3)]
    events = [item.kind for item in made.told if isinstance(item, Event)]
    assert events == ["label", "state", "state"]
    assert (made.camera.status().state, made.camera.status().reason) == (state, reason)
    assert made.metrics.snapshot().state == state


def test_a_fault_in_the_middle_of_a_frame_begins_with_its_own_picture() -> None:
    """A camera that is faster than it says: the last real frame was not shown to its end."""
    made = in_state_ok()
    made.frame(1.25, fault="black", state="black", reason="dark")
    assert made.states() == [("ok", 1.0, 1.25, ""), ("black", 1.25, None, "dark")]
    assert made.labels() == [("cat", 1.0, 1.25)]


def test_frames_that_repeat_do_not_count_as_real_ones() -> None:
    """They are ok for some time, but when they turn out to be frozen, that began before them."""
    made = in_state_ok()
    for pts_s in (1.3, 1.4, 1.5):
        assert made.frame(pts_s, fault="repeated") is None
    made.frame(1.6, fault="repeated", state="frozen", reason="the same picture for 0.3 s")
    assert made.states()[1] == ("frozen", 1.3, None, "the same picture for 0.3 s")
    assert made.labels() == [("cat", 1.0, 1.3)]


def test_after_a_fault_ok_begins_with_its_frame_and_is_no_new_connection() -> None:
    made = in_state_ok()
    black(made)
    made.told.clear()
    taken = made.frame(2.0, now_s=2.3)  # it was on its way for some time
    assert taken is not None
    made.camera.classified(WHOLE, *taken, CAT, TIMING)
    assert made.states() == [("black", 1.3, 2.0, "the picture is black"), ("ok", 2.0, None, "")]
    assert made.labels() == [("cat", 2.0, None)]
    assert made.metrics.snapshot().connections == 1


def test_from_one_fault_to_another() -> None:
    made = in_state_ok()
    black(made)
    loses(made)
    made.frame(6.0, fault="incomplete", state="damaged", reason="no whole key frame yet")
    made.frame(6.1)
    assert made.states() == [
        ("ok", 1.0, 1.3, ""),
        ("black", 1.3, None, "the picture is black"),
        ("black", 1.3, 5.0, "the picture is black"),
        ("no_signal", 5.0, None, "the camera hung up"),
        ("no_signal", 5.0, 6.0, "the camera hung up"),
        ("damaged", 6.0, None, "no whole key frame yet"),
        ("damaged", 6.0, 6.1, "no whole key frame yet"),
        ("ok", 6.1, None, ""),
    ]
    assert made.labels() == [("cat", 1.0, 1.3)]


def test_a_connection_that_begins_without_a_key_frame_is_counted() -> None:
    """As most RTSP connections do."""
    made = Made()
    for lost in (True, False):
        made.frame(1.0, fault="incomplete", state="damaged", reason="no whole key frame yet")
        made.frame(1.1)
        if lost:
            loses(made)
    assert made.metrics.snapshot().connections == 2


def test_a_state_never_begins_before_the_one_before_it() -> None:
    made = in_state_ok()
    loses(made)  # noticed at 5.0 s
    made.frame(4.9)  # captured before that, came after it
    assert made.states()[2:] == [
        ("no_signal", 1.3, 4.9, "the camera hung up"),
        ("ok", 4.9, None, ""),
    ]
    made = Made()
    made.camera.lost(Lost("refused", 1.0), 5.0)
    made.frame(4.9)
    assert made.states()[-2:] == [("no_signal", 5.0, 5.0, "refused"), ("ok", 5.0, None, "")]


def test_another_reason_counts_for_a_loss_only() -> None:
    made = in_state_ok()
    loses(made)
    loses(made)
    assert len(made.states()) == 2
    made.camera.lost(Lost("wrong user or password", 60.0), 7.0)
    assert made.states()[2:] == [
        ("no_signal", 1.3, 7.0, "the camera hung up"),
        ("no_signal", 7.0, None, "wrong user or password"),
    ]
    made.told.clear()
    late(made)
    made.frame(1.5, now_s=8.5, fault="late", state="late", reason="held up for 7.0 s")
    assert [s[3] for s in made.states()] == ["wrong user or password", "held up for 2.0 s"]
    assert made.camera.status().reason == "held up for 2.0 s"


def test_a_late_frame_is_noticed_when_it_comes() -> None:
    """Not when it was captured: then another state was on."""
    made = in_state_ok()
    black(made)
    made.frame(1.5, now_s=9.0, fault="late", state="late", reason="held up")
    assert made.states()[-1] == ("late", 9.0, None, "held up")


def test_state_events_say_which_frame_it_was() -> None:
    made = in_state_ok()
    black(made)
    (began,) = [e for e in made.told if isinstance(e, Event) and e.label == "black"]
    assert began.peak_frame == 3
    assert began.camera == "cam"


def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    made = Made()
    for try_s in range(5):
        made.camera.lost(Lost("connection refused", 1.0), float(try_s))
    for try_s in range(5, 8):
        made.camera.lost(Lost("wrong user or password", 60.0), float(try_s))
    for pts_s in (9.0, 9.1, 9.2):
        made.frame(pts_s)
    for at_s in (12.0, 13.0, 14.0):
        made.camera.look(at_s)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 4
    assert said[:2] == [
        "cam: no signal: connection refused",
        "cam: no signal: wrong user or password",
    ]
    assert said[2].startswith("cam: ") and "good" in said[2]
    assert said[3] == "cam: stale: no frame for 2.0 s"


# -- stale


def test_it_is_stale_after_that_time_without_any_frame() -> None:
    made = in_state_ok()
    made.camera.look(3.19)
    assert made.states() == []
    made.camera.look(3.21)
    assert [state[0] for state in made.states()] == ["ok", "stale"]


def test_frames_that_are_late_or_faulty_are_frames_too() -> None:
    made = in_state_ok()
    made.frame(1.3, now_s=3.0, fault="late", state="late", reason="held up")
    made.camera.look(4.9)
    assert made.camera.status().state == "late"
    made.camera.look(5.1)
    assert made.camera.status().state == "stale"
    assert made.states()[-2:] == [("late", 1.3, 5.1, "held up"), ("stale", 5.1, None, STALE)]


STALE = "no frame for 2.0 s"


def test_slow_cameras_have_five_intervals() -> None:
    """One picture in 3 s is 15 s."""
    made = Made()
    for pts_s in (3.0, 6.0, 9.0):
        made.frame(pts_s, interval_s=3.0)
    made.told.clear()
    made.camera.look(23.9)
    assert made.states() == []
    made.camera.look(24.1)
    assert made.states()[-1] == ("stale", 12.0, None, "no frame for 15.0 s")


@pytest.mark.parametrize("state", ["connecting", "no_signal", "stale"])
def test_where_there_are_no_frames_their_absence_is_no_news(state: State) -> None:
    made = Made() if state == "connecting" else in_state_ok()
    if state == "no_signal":
        loses(made)
    elif state == "stale":
        made.camera.look(4.0)
    made.told.clear()
    made.camera.look(1000.0)
    assert made.told == []
    assert made.camera.status().state == state


def test_a_frame_ends_it() -> None:
    made = in_state_ok()
    stale(made)
    made.frame(8.0)
    assert made.states()[2:] == [("stale", 1.3, 8.0, STALE), ("ok", 8.0, None, "")]


# -- frames


def test_a_good_frame_is_shown_at_once_with_the_last_steady_label() -> None:
    made = in_state_ok()
    taken, _ = made.good(1.3)
    (shown,) = made.results()
    assert shown.frame is taken
    assert (shown.raw, shown.last, shown.timing) == (None, CAT, None)
    assert shown.steady == "cat"
    assert len(shown.top()) == 2  # as many as it was told
    assert shown.status is not None
    assert (shown.status.state, shown.status.age_ms) == ("ok", 42.0)
    assert (taken.camera, taken.index, taken.pts_s) == ("cam", 3, 1.3)
    assert (taken.time_source, taken.duration_s) == ("monotonic", INTERVAL_S)
    assert taken.captured_ns == 1_300_000_000
    assert taken.captured_utc == pytest.approx(1e9 + 1.3)
    assert taken.image is PICTURE
    assert taken.sampled


@pytest.mark.parametrize(
    ("fault", "state"), [("black", "black"), ("late", "late"), ("repeated", "ok")]
)
def test_a_faulty_frame_is_shown_but_not_classified(fault: Fault, state: State) -> None:
    made = in_state_ok()
    assert made.frame(1.3, fault=fault, state=state, reason="r", sampled=False) is None
    (shown,) = made.results()
    assert (shown.frame.index, shown.raw, shown.frame.sampled) == (3, None, False)
    assert shown.steady == ("cat" if state == "ok" else None)


def test_a_frame_without_a_picture_is_not_shown_but_changes_the_state() -> None:
    made = in_state_ok()
    taken = made.frame(1.3, image=None, fault="undecodable", state="damaged", reason="missing")
    assert taken is None
    assert made.results() == []
    assert made.states()[-1] == ("damaged", 1.3, None, "missing")


def test_the_state_is_told_before_the_frame_that_shows_it() -> None:
    made = in_state_ok()
    black(made)
    assert isinstance(made.told[-1], Result)
    assert [item for item in made.told[:-1] if isinstance(item, Result)] == []


# -- answers


def test_an_answer_is_told_with_its_own_frame_and_its_events_before_it() -> None:
    made = Made()
    taken = made.good(1.0)
    made.told.clear()
    result = made.camera.classified(WHOLE, *taken, CAT, TIMING)
    assert result is not None
    (label, told) = made.told
    assert isinstance(label, Event)
    assert (label.kind, label.label, label.start_s, label.end_s) == ("label", "cat", 1.0, None)
    assert told is result
    assert result.events == (label,)
    assert result.frame is taken[0]
    assert (result.raw, result.last, result.steady, result.timing) == (CAT, CAT, "cat", TIMING)
    assert result.steady_prob == pytest.approx(0.9)
    assert made.metrics.snapshot().classified == 1


def test_the_label_changes_with_the_answers() -> None:
    made = in_state_ok()
    made.camera.classified(WHOLE, *made.good(1.3), DOG, TIMING)
    assert made.labels() == [("cat", 1.0, 1.3), ("dog", 1.3, None)]
    made.good(1.4)
    assert made.results()[-1].steady == "dog"


@pytest.mark.parametrize("happens", [loses, black, late, stale])
def test_answers_to_frames_from_before_a_loss_are_dropped(
    happens: Callable[[Made], None],
) -> None:
    """They write no row and no label, not even when the signal is back."""
    made = in_state_ok()
    first, second = made.good(1.3), made.good(1.4)
    happens(made)
    made.told.clear()
    assert made.camera.classified(WHOLE, *first, CAT, TIMING) is None
    made.good(6.0)
    assert made.camera.classified(WHOLE, *second, CAT, TIMING) is None
    assert [item.raw for item in made.results()] == [None]
    assert made.labels() == []
    found = made.metrics.snapshot()
    assert found.dropped == {"signal lost": 2}
    assert found.classified == 3
    assert made.camera.status().age_ms is None
    answered = made.camera.classified(WHOLE, *made.good(6.1), CAT, TIMING)
    assert answered is not None


def test_after_a_loss_nothing_is_left_of_the_label() -> None:
    made = in_state_ok()
    loses(made)
    status = made.camera.status()
    assert status.age_ms is None
    made.good(6.0)
    shown = made.results()[-1]
    assert (shown.steady, shown.steady_prob, shown.last, shown.top()) == (None, 0.0, None, ())


def test_the_smoother_forgets_what_was_before_a_loss() -> None:
    """Its first answer decides at once, however slowly it is to change otherwise."""
    made = in_state_ok(smoothing_s=100.0, dwell_s=50.0)
    made.camera.classified(WHOLE, *made.good(1.3), DOG, TIMING)
    made.good(1.4)
    assert made.results()[-1].steady == "cat"
    loses(made)
    made.told.clear()
    made.camera.classified(WHOLE, *made.good(6.0), DOG, TIMING)
    assert made.labels() == [("dog", 6.0, None)]


# -- status


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time at which things are counted."""
    now = [100.0]

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now[0]

        @staticmethod
        def monotonic_ns() -> int:
            return round(now[0] * 1e9)

        @staticmethod
        def time() -> float:
            return 1e9 + now[0]

    monkeypatch.setattr(clock_module, "time", Clock)

    def at(seconds: float) -> None:
        now[0] = 100.0 + seconds

    return at


def test_rates_are_of_the_last_two_seconds(clock: Callable[[float], None]) -> None:
    made = Made()
    assert (made.camera.status().fps, made.camera.status().labels_fps) == (0.0, 0.0)
    for number in range(50):  # 25 a second; each fifth is classified
        clock(number / 25)
        taken = made.good(number / 25)
        if number % 5 == 0:
            made.camera.classified(WHOLE, *taken, CAT, TIMING)
    status = made.camera.status()
    assert status.fps == pytest.approx(25)
    assert status.labels_fps == pytest.approx(5)
    for number in range(21):  # 10 a second
        clock(2 + number / 10)
        made.frame(2 + number / 10, fault="black", state="black", reason="dark")
    assert made.camera.status().fps == pytest.approx(10)  # faulty ones are frames, too
    assert made.camera.status().labels_fps == 0.0
    clock(6.5)
    assert made.camera.status().fps == 0.0


def test_the_age_is_that_of_the_latest_label() -> None:
    made = Made()
    assert made.camera.status().age_ms is None
    made.camera.classified(WHOLE, *made.good(1.0), CAT, Timing(1, 1, 1, 30.0))
    made.camera.classified(WHOLE, *made.good(1.1), CAT, Timing(1, 1, 1, 50.0))
    assert made.camera.status().age_ms == 50.0


def test_frames_that_gave_way_are_counted() -> None:
    made = in_state_ok()
    for pts_s in (1.3, 1.4):
        made.good(pts_s)
        made.camera.superseded()
    assert made.camera.status().dropped == 2
    assert made.metrics.snapshot().dropped == {"newer": 2}
    made.good(1.5)
    shown = made.results()[-1].status
    assert shown is not None
    assert shown.dropped == 2


# -- the end


@pytest.mark.parametrize(("ends_s", "label_ends_s"), [(1.4, 1.3), (1.25, 1.25)])
def test_finish_closes_the_label_with_the_last_real_frame_and_the_state_now(
    ends_s: float, label_ends_s: float
) -> None:
    made = in_state_ok()
    made.camera.finish(ends_s)
    assert made.labels() == [("cat", 1.0, label_ends_s)]
    assert made.states() == [("ok", 1.0, ends_s, "")]
    assert isinstance(made.told[0], Event) and made.told[0].kind == "label"


def test_finish_without_a_signal_closes_the_state_only() -> None:
    made = in_state_ok()
    loses(made)
    made.told.clear()
    made.camera.finish(9.0)
    assert made.labels() == []
    assert made.states() == [("no_signal", 1.3, 9.0, "the camera hung up")]


def test_every_state_and_label_that_begins_also_ends() -> None:
    made = Made()
    made.camera.begin(0.0)
    for happens in (loses, black, late, stale):
        at_s = 10.0 + made.index
        made.labelled(at_s)
        happens(made)
    made.labelled(30.0)
    made.camera.finish(31.0)
    events = [item for item in made.told if isinstance(item, Event)]
    for kind in ("state", "label"):
        begun = [(e.label, e.start_s, e.reason) for e in events if e.kind == kind and not e.end_s]
        ended = [(e.label, e.start_s, e.reason) for e in events if e.kind == kind and e.end_s]
        assert begun == ended
    states = [e for e in events if e.kind == "state" and e.end_s is not None]
    assert states[0].start_s == 0.0
    assert states[-1].end_s == 31.0
    for one, following in pairwise(states):  # without a gap
        assert one.end_s == following.start_s


def test_answers_that_come_after_the_end_are_told_to_nobody() -> None:
    made = in_state_ok()
    taken = made.good(1.3)
    made.camera.finish(2.0)
    made.told.clear()
    assert made.camera.classified(WHOLE, *taken, CAT, TIMING) is None
    assert made.told == []


def test_a_failed_output_is_told_to_the_others() -> None:
    made = in_state_ok()
    made.camera.tell_failure("csv", "the disk is full", 7.5)
    (event,) = made.told
    assert isinstance(event, Event)
    assert (event.kind, event.label, event.reason) == (
        "state",
        "output_failed",
        "csv: the disk is full",
    )
    assert (event.start_s, event.end_s) == (7.5, 7.5)  # nothing that lasts
    assert (made.camera.status().state, made.camera.status().failed) == ("ok", ("csv",))


def test_all_are_told_the_same_order_from_any_thread() -> None:
    """Whoever is told sees the state of the last event, never that of another thread's."""
    made = Made()
    made.camera.begin(0.0)

    def frames() -> None:
        for number in range(300):
            made.frame(number / 10)

    def losses() -> None:
        for number in range(300):
            made.camera.lost(Lost(f"reason {number}", 1.0), number / 10)

    threads = [threading.Thread(target=work) for work in (frames, losses)]
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    finally:
        sys.setswitchinterval(usual_s)
    states = made.states()
    assert [end is None for _, _, end, _ in states] == [i % 2 == 0 for i in range(len(states))]
    for began, ended in zip(states[::2], states[1::2], strict=False):
        assert (began[0], began[1], began[3]) == (ended[0], ended[1], ended[3])
    assert all(r.status is not None and r.status.state == "ok" for r in made.results())


# -- the calendar


NOON_S = 1_772_366_400.0


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the system's clock that much ahead of the one by which the tests' times are."""
    ahead_s = 0.0

    def put_ahead(seconds: float) -> None:
        nonlocal ahead_s
        ahead_s = seconds

    monkeypatch.setattr(clock_module, "utc_s", lambda ns: NOON_S + ns / 1e9 + ahead_s)
    return put_ahead


def test_events_say_when_they_were_by_the_calendar(calendar: Callable[[float], None]) -> None:
    made = in_state_ok()
    made.camera.finish(3.0)
    label, state = made.told
    assert isinstance(label, Event) and isinstance(state, Event)
    assert (label.kind, state.kind) == ("label", "state")
    assert label.start_utc == pytest.approx(NOON_S + 1.0)
    assert label.end_utc == pytest.approx(NOON_S + 1.3)
    assert state.start_utc == pytest.approx(NOON_S + 1.0)
    assert state.end_utc == pytest.approx(NOON_S + 3.0)


def test_a_beginning_stays_when_somebody_sets_the_clock(calendar: Callable[[float], None]) -> None:
    """So that the two events of a segment say the same."""
    made = Made()
    made.camera.begin(0.0)
    made.labelled(1.0)
    calendar(3600.0)
    made.camera.tell_failure("csv", "full", 1.1)  # of the same kind as states, and of a moment
    made.camera.tell_recovery("csv", 1.2)
    made.camera.lost(Lost("gone", 1.0), 5.0)
    calendar(-60.0)
    made.labelled(6.0)
    made.camera.finish(7.0)
    begun: dict[tuple[str, str, float], float | None] = {}
    ended = 0
    for event in (item for item in made.told if isinstance(item, Event)):
        key = (event.kind, event.label, event.start_s)
        if event.end_s is None:
            assert event.end_utc is None
            begun[key] = event.start_utc
        elif event.label not in ("output_failed", "output_recovered"):
            assert event.start_utc == begun[key]
            ended += 1
    assert ended == len(begun) == 6  # connecting, ok, no_signal, ok, and two labels
    moments = [e for e in made.told if isinstance(e, Event) and e.label.startswith("output")]
    assert [e.start_utc == e.end_utc for e in moments] == [True, True]
    assert moments[0].start_utc == pytest.approx(NOON_S + 3600 + 1.1)


def test_an_output_that_works_again_is_told_to_the_others() -> None:
    made = in_state_ok()
    for name in ("csv", "video"):
        made.camera.tell_failure(name, "the disk is full", 7.5)
    made.told.clear()
    made.camera.tell_recovery("csv", 8.0)
    (event,) = made.told
    assert isinstance(event, Event)
    assert (event.kind, event.label, event.reason) == ("state", "output_recovered", "csv")
    assert made.camera.status().failed == ("video",)


def test_the_end_of_one_label_and_the_beginning_of_the_next_are_one_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long it takes between two looks at the clock."""
    looks = iter(range(1000))
    monkeypatch.setattr(clock_module, "utc_s", lambda at_ns: 1e9 + at_ns / 1e9 - next(looks) / 1e3)
    made = Made()
    made.camera.classified(WHOLE, *made.good(1.0), CAT, TIMING)
    made.camera.classified(WHOLE, *made.good(1.1), DOG, TIMING)
    ended, begun = [e for e in made.told if isinstance(e, Event) and e.kind == "label"][1:]
    assert ended.end_utc == begun.start_utc
