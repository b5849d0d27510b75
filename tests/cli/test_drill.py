import re
from dataclasses import replace

import pytest

from streamcls.capture.simulated import FAULTS
from streamcls.cli.drill import Outcome, _for_drill, _judged, _lasts_s, _row, _Witness
from streamcls.config.options import check_fits, from_options
from streamcls.config.settings import Settings
from streamcls.records import Event
from tests.conftest import Cli
from tests.fakes import event

pytestmark = pytest.mark.alone
BEGIN_S, END_S = 100.0, 105.0  # of the fault, by the clock that the witness has, too
LABELS_S = 1 / 10  # seconds between good labels
AGE_S = 0.03
HARMLESS = ("slow", "resize")
BAD = tuple(name for name in FAULTS if name not in HARMLESS)


def settings(**options: float) -> Settings:
    return from_options({"source": "sim://", "model": "demo", **options})


def witness(
    *gaps: tuple[float, float],
    states: tuple[tuple[str, float], ...] = (),
    until_s: float = 110.0,
    age_s: float = AGE_S,
) -> _Witness:
    """Of labels from 97 s on, but for those captured in a gap (end exclusive), and states."""
    made = _Witness()
    for number in range(round((until_s - 97.0) / LABELS_S)):
        captured_s = 97.0 + number * LABELS_S
        if not any(start_s <= captured_s < end_s for start_s, end_s in gaps):
            made.rows.append((captured_s, captured_s + age_s))
    made.states = [("connecting", 96.0), ("ok", 96.5), *states]
    return made


def judged(name: str, seen: _Witness, **options: float) -> Outcome:
    return _judged(name, settings(**options), seen, BEGIN_S, END_S)


@pytest.mark.parametrize("name", BAD)
def test_a_fault_that_is_noticed_and_recovered_from(name: str) -> None:
    seen = witness((BEGIN_S, END_S), states=(("black", 100.4), ("ok", 105.2)))
    found = judged(name, seen)
    assert found.expected
    assert (found.fault, found.state, found.rows) == (name, "black", 0)
    assert found.noticed_s == pytest.approx(0.4)
    assert found.recovered_s == pytest.approx(AGE_S)


@pytest.mark.parametrize("name", BAD)
def test_one_that_nobody_notices_is_wrong(name: str) -> None:
    found = judged(name, witness((BEGIN_S, END_S)))
    assert not found.expected
    assert (found.state, found.noticed_s, found.rows) == ("ok", None, 0)


@pytest.mark.parametrize("name", BAD)
def test_one_with_label_rows_in_it_is_wrong(name: str) -> None:
    """Also if it is only one, in the middle."""
    seen = witness((BEGIN_S, 102.0), (102.05, END_S), states=(("black", 100.4),))
    assert [captured for captured, _ in seen.rows if BEGIN_S < captured < END_S]
    found = judged(name, seen)
    assert not found.expected
    assert found.rows == 1


@pytest.mark.parametrize("name", FAULTS)
def test_one_that_is_not_recovered_from_is_wrong(name: str) -> None:
    bad = () if name in HARMLESS else (("black", 100.4),)
    seen = witness((BEGIN_S, END_S), states=bad, until_s=104.9)
    found = judged(name, seen)
    assert not found.expected
    assert found.recovered_s is None


@pytest.mark.parametrize("name", HARMLESS)
def test_a_fault_with_real_frames_is_to_be_left_alone(name: str) -> None:
    found = judged(name, witness())
    assert found.expected
    assert (found.state, found.noticed_s) == ("ok", None)
    assert found.rows == 49


@pytest.mark.parametrize("name", HARMLESS)
def test_real_frames_that_are_taken_for_bad_ones_are_wrong(name: str) -> None:
    found = judged(name, witness((BEGIN_S, END_S), states=(("stale", 102.0),)))
    assert not found.expected
    assert found.state == "stale"
    assert found.noticed_s == pytest.approx(2.0)


def test_a_still_picture_that_is_allowed_is_to_be_left_alone() -> None:
    still = witness((BEGIN_S, END_S))
    assert judged("freeze", still, frozen_after=0).expected
    assert not judged("freeze", still, frozen_after=10).expected
    frozen = witness((BEGIN_S, END_S), states=(("frozen", 101.0),))
    assert not judged("freeze", frozen, frozen_after=0).expected
    assert judged("freeze", frozen, frozen_after=1).expected


def test_the_last_frame_before_the_fault_is_no_row_of_it() -> None:
    seen = witness((BEGIN_S, END_S), states=(("black", 100.4),))
    seen.rows += [(BEGIN_S + 0.04, BEGIN_S + 0.5), (END_S - 0.04, END_S + 0.1)]
    assert judged("black", seen).rows == 0
    seen.rows.append((BEGIN_S + 0.06, BEGIN_S + 0.5))
    assert judged("black", seen).rows == 1


def test_what_is_held_up_for_a_short_time_is_good() -> None:
    """At the end of a lag, frames come that were captured so shortly before."""
    seen = witness((BEGIN_S, END_S - 0.4), states=(("stale", 102.0),))
    assert judged("lag", seen, max_delay=0.5).rows == 0
    assert judged("lag", seen, max_delay=0.5).expected
    assert judged("lag", seen, max_delay=0.1).rows == 3
    assert judged("stall", seen, max_delay=0.5).rows == 4


def test_what_was_wrong_before_the_fault_does_not_count() -> None:
    """As connecting, or a hiccup of this machine."""
    seen = witness((BEGIN_S, END_S), states=(("stale", 98.0), ("ok", 98.5), ("black", 100.4)))
    assert judged("black", seen).noticed_s == pytest.approx(0.4)
    seen = witness((BEGIN_S, END_S), states=(("stale", 98.0), ("ok", 98.5)))
    assert judged("black", seen).noticed_s is None


def test_recovered_is_the_first_label_of_a_frame_from_after_the_fault() -> None:
    """When it was here, not when its frame was captured; labels of older frames don't count."""
    seen = witness((BEGIN_S, 106.0), states=(("no_signal", 100.01),), age_s=0.25)
    seen.rows.insert(0, (104.99, 105.01))
    assert judged("drop", seen).recovered_s == pytest.approx(1.25)


def test_a_witness_keeps_when_states_begin() -> None:
    seen = _Witness()
    for told in (
        event("cat", end_s=None),
        *(_state("ok", None), _state("ok", 3.0), _state("black", None)),
        _state("output_failed", 3.0),
    ):
        seen.event(told)
    assert [state for state, _ in seen.states] == ["ok", "black"]
    assert not seen.every_frame


def _state(label: str, end_s: float | None) -> Event:
    return replace(event(label, end_s=end_s), kind="state")


def test_a_fault_lasts_longer_than_it_takes_to_be_noticed() -> None:
    chosen = settings(stale_after=7, frozen_after=11)
    assert _lasts_s("stall", chosen) > 7
    assert _lasts_s("lag", chosen) > 7
    assert _lasts_s("freeze", chosen) > 11
    assert 0 < _lasts_s("black", chosen) < 5


def test_rows_of_the_table() -> None:
    assert _row(Outcome("black", "black", 0.123, 0, 1.5, expected=True)) == (
        *("black", "black", "0.12", "0", "1.50"),
        "as it should",
    )
    assert _row(Outcome("black", "ok", None, 12, None, expected=False)) == (
        *("black", "ok", "-", "12", "-"),
        "WRONG",
    )


def test_a_fault_that_there_is_not(cli: Cli) -> None:
    done = cli("drill", "--model", "demo", "--fault", "blue")
    assert done.code == 2
    assert "--fault blue: there are stall, lag" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.slow
def test_a_real_drill(cli: Cli) -> None:
    asked = ("black", "drop")
    done = cli("drill", "--model", "demo", *(f"--fault={name}" for name in asked))
    assert done.code == 0, done.out + done.err
    rows = {
        cells[0]: cells[1:]
        for cells in (re.split(r"\s{2,}", line.strip()) for line in done.out.splitlines())
        if cells[0] in asked
    }
    assert tuple(rows) == asked
    assert all(cells[-1] == "as it should" for cells in rows.values())
    state, noticed, labels, again, _ = rows["black"]
    assert (state, labels) == ("black", "0")
    assert float(noticed) < 1 and float(again) < 2
    state, noticed, labels, again, _ = rows["drop"]
    assert (state, labels) == ("no_signal", "0")
    assert float(noticed) < 1 and float(again) < 4
    for name in asked:
        assert f"{name}: {FAULTS[name]}" in done.err
    assert "good" not in done.err and "Traceback" not in done.err  # the table says it


def test_nothing_in_the_settings_ends_the_drill_or_writes_anything() -> None:
    given = {"source": "0", "max_retries": 0, "retry_for": 1, "duration": 2, "csv": "o.csv"}
    found = _for_drill(from_options({**given, "show": True, "stale_after": 7}), "sim://")
    assert (found.source, found.sample.duration) == ("sim://", None)
    assert (found.connection.max_retries, found.connection.retry_for) == (None, None)
    assert (found.outputs.csv, found.outputs.show) == (None, None)
    assert found.signal.stale_after == 7
    check_fits(found, live=True)
