import json
from dataclasses import replace

import pytest

from streamcls.alerts.message import Message, Messages, gap_for, gap_of_unknown
from streamcls.clock import iso_utc
from streamcls.records import Event
from tests.alerts.made import NOON_S, label, state


def test_start_and_end_of_a_label_are_linked() -> None:
    messages = Messages()
    start = messages.of(label("cat", start_s=2.0))
    end = messages.of(label("cat", start_s=2.0, end_s=3.5))
    assert start is not None
    assert end is not None
    assert (start.type, end.type) == ("start", "end")
    assert start.event == end.event
    assert start.id != end.id
    assert start.time_utc == start.start_utc == "2026-03-01T12:00:02.000Z"
    assert start.end_utc is None
    assert (end.start_utc, end.end_utc) == (start.start_utc, "2026-03-01T12:00:03.500Z")
    assert end.time_utc == end.end_utc
    assert (end.label, end.state, end.mean_prob, end.peak_prob) == ("cat", None, 0.8, 0.9)


def test_the_same_label_again_is_another_event() -> None:
    messages = Messages()
    seen = [messages.of(label("cat", start_s=at_s)) for at_s in (1.0, 5.0)]
    seen += [messages.of(label("cat", start_s=1.0, camera="belt/left"))]
    assert len({one.event for one in seen if one}) == 3


def test_ids_are_counted_and_differ_between_runs() -> None:
    one, other = Messages(), Messages()
    ids = [made.of(label("cat")) for made in (one, other, one)]
    assert len({made.id for made in ids if made}) == 3
    again = Messages("run").of(label("cat"))
    assert again is not None
    assert again.id == "run-1"


def test_a_state_begins_with_its_reason_and_without_passwords() -> None:
    made = Messages().of(state("no_signal", reason="rtsp://anna:geheim@10.0.0.7/cam: refused"))
    assert made is not None
    assert (made.type, made.state, made.label) == ("state", "no_signal", None)
    assert made.reason == "rtsp://anna:***@10.0.0.7/cam: refused"
    assert made.mean_prob is None


@pytest.mark.parametrize("told", [state("ok", end_s=4.0), state("output_failed", reason="disk")])
def test_ends_of_states_and_what_is_no_state_are_not_told(told: Event) -> None:
    assert Messages().of(told) is None


@pytest.mark.parametrize(
    ("camera", "parts"),
    [("belt", ("belt", None)), ("belt/left", ("belt", "left")), ("belt/a/b", ("belt", "a/b"))],
)
def test_the_region_stands_behind_the_camera(camera: str, parts: tuple[str, str | None]) -> None:
    made = Messages().of(label("cat", camera=camera))
    assert made is not None
    assert (made.camera, made.region) == parts


def test_it_goes_through_json() -> None:
    made = Messages().of(label("Käfer\udcff", mean_prob=float("nan")))
    assert made is not None
    assert made.label == "Käfer?"
    assert json.loads(made.to_json())["mean_prob"] is None
    assert Message.from_json(made.to_json()) == made


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "x"}', "null"])
def test_what_is_no_message_is_said(text: str) -> None:
    with pytest.raises(ValueError):
        Message.from_json(text)


def test_gaps_add_up() -> None:
    messages = Messages()
    some = [messages.of(label("cat", start_s=at_s)) for at_s in (1.0, 2.0, 3.0, 4.0)]
    one, two, three, four = (made for made in some if made)
    gap = gap_for([one, two])
    assert (gap.type, gap.lost, gap.camera) == ("gap", 2, None)
    assert (gap.start_utc, gap.end_utc) == (one.time_utc, two.time_utc)
    more = gap_for([gap, three, four])
    assert (more.lost, more.start_utc, more.end_utc) == (4, one.time_utc, four.time_utc)
    assert more.id != gap.id
    assert "4 messages" in more.reason


def test_an_unknown_number_stays_unknown() -> None:
    made = Messages().of(label("cat"))
    assert made is not None
    unknown = gap_of_unknown("are missing: the file was damaged")
    assert unknown.lost is None
    assert gap_for([unknown, made]).lost is None
    assert gap_for([replace(unknown, lost=5), made]).lost == 6


def test_times_are_utc_with_ms() -> None:
    assert iso_utc(NOON_S + 0.25) == "2026-03-01T12:00:00.250Z"
