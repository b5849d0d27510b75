import time
from datetime import datetime

import pytest

from streamcls import clock


def test_seconds_and_nanoseconds_are_of_one_clock() -> None:
    before_s, at_ns, after_s = clock.now_s(), clock.now_ns(), clock.now_s()
    assert before_s <= at_ns / 1e9 <= after_s
    assert 0 <= clock.since_s(at_ns) <= clock.now_s() - before_s


def test_a_moment_of_the_monotonic_clock_has_its_time_of_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Both:
        @staticmethod
        def monotonic_ns() -> int:
            return 500_000_000_000

        @staticmethod
        def time() -> float:
            return 1.7e9

    monkeypatch.setattr(clock, "time", Both)
    assert clock.utc_s(498_000_000_000) == 1.7e9 - 2
    assert clock.epoch_s() == 1.7e9


def test_the_local_time_is_that_of_the_system() -> None:
    before = datetime.fromtimestamp(time.time() - 1)
    assert before <= clock.local() <= datetime.fromtimestamp(time.time() + 1)
