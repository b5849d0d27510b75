from streamcls.protocols import Classified
from streamcls.runtime.labels import Labels, timing
from streamcls.smoothing import SteadyLabel
from tests.fakes import prediction, result

CAT, DOG = prediction(0.9, 0.08, 0.02), prediction(0.08, 0.9, 0.02)


def labels() -> Labels:
    return Labels(SteadyLabel("cam", threshold=0.5, smoothing_s=0, dwell_s=0), top_k=2)


def test_before_the_first_answer_nothing_is_known() -> None:
    found = labels().result(result(0).frame)
    assert (found.raw, found.last, found.steady, found.top()) == (None, None, None, ())


def test_frames_without_an_answer_of_their_own_have_the_last_one() -> None:
    one = labels()
    frame = result(0).frame
    events = one.take(frame, CAT)
    answered = one.result(frame, CAT, events=events)
    later = one.result(result(1).frame)
    assert [event.label for event in answered.events] == ["cat"]
    assert (answered.raw, later.raw, later.last) == (CAT, None, CAT)
    assert (answered.steady, later.steady, later.events) == ("cat", "cat", ())
    assert [score.label for score in later.top()] == ["cat", "dog"]


def test_a_segment_ends_where_the_next_begins() -> None:
    one = labels()
    one.take(result(0).frame, CAT)
    ended, begun = one.take(result(7).frame, DOG)
    assert (ended.label, ended.start_s, ended.end_s) == ("cat", 0.0, 0.7)
    assert (begun.label, begun.start_s, begun.end_s) == ("dog", 0.7, None)


def test_at_an_end_all_is_forgotten() -> None:
    one = labels()
    one.take(result(0).frame, CAT)
    (ended,) = one.end(0.5)
    assert (ended.label, ended.end_s) == ("cat", 0.5)
    assert one.end(0.6) == ()
    found = one.result(result(1).frame)
    assert (found.last, found.steady) == (None, None)


def test_where_the_time_went() -> None:
    answer = Classified((CAT,), preprocess_ms=2.0, infer_ms=9.0)
    took = timing(1_000_000, 4_000_000, answer, 20_000_000)
    assert (took.waited_ms, took.preprocess_ms, took.infer_ms, took.age_ms) == (3.0, 2.0, 9.0, 19.0)
