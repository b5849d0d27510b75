"""Counts of requests."""

import pytest

from streamcls.web.tally import Tally
from tests.plant.made import FakeClock


def test_pictures_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    time, tally = FakeClock(monkeypatch), Tally()
    empty = tally.counts()
    assert (empty.classified, empty.per_s, empty.p50_ms, empty.p99_ms) == (0, 0.0, None, None)
    for took_s in (0.010, 0.020, 0.030):
        tally.classified(took_s)
    tally.refused()
    counts = tally.counts()
    assert (counts.classified, counts.refused) == (3, 1)
    assert counts.per_s == pytest.approx(0.3)
    assert counts.p50_ms == pytest.approx(20)
    time.forward(11)
    assert tally.counts().per_s == 0


def test_the_rate_where_more_came_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    time, tally = FakeClock(monkeypatch), Tally()
    for _ in range(2000):
        tally.classified(0.001)
        time.forward(0.002)
    assert tally.counts().per_s == pytest.approx(500, rel=0.2)


def test_requests_by_method_and_status() -> None:
    tally = Tally()
    for status in (200, 200, 404):
        tally.answered("GET", status)
    tally.answered("MADE-UP", 405)
    tally.answered("MADE-UP-TOO", 405)
    assert tally.requests() == {("GET", 200): 2, ("GET", 404): 1, ("other", 405): 2}
