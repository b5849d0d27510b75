import threading
from collections.abc import Callable

from streamcls.metrics import Metrics, Snapshot, peak_rss_mb
from streamcls.records import Timing


def balance(s: Snapshot) -> int:
    out = s.classified + s.not_sampled + sum(s.dropped.values()) + sum(s.rejected.values())
    return s.read - out - s.in_flight


def test_the_ledger_balances_at_every_step() -> None:
    metrics = Metrics()
    for _ in range(6):
        metrics.read()
    steps: list[Callable[[], None]] = [
        lambda: metrics.classified(Timing(0, 0, 5, 10)),
        lambda: metrics.not_sampled(),
        lambda: metrics.rejected("corrupt"),
        lambda: metrics.drop_in_flight("stopped"),
        lambda: metrics.drop_in_flight("stopped"),
    ]
    for step in steps:
        step()
        assert balance(metrics.snapshot()) == 0
    done = metrics.snapshot()
    assert done.dropped == {"stopped": 3}
    assert done.in_flight == 0
    assert done.ledger == (
        "6 read = 1 classified + 1 not sampled + 3 dropped (stopped) + 1 rejected (corrupt)"
    )


def test_it_balances_while_threads_count() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(2000):
            metrics.read()
            metrics.classified(Timing(0, 0, 1, 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert balance(metrics.snapshot()) == 0
    for thread in threads:
        thread.join()
    assert metrics.snapshot().classified == 8000


def test_percentiles_and_rate() -> None:
    metrics = Metrics()
    assert metrics.snapshot().infer_ms.p50 is None
    assert metrics.snapshot().fps == 0
    for ms in range(1, 102):
        metrics.read()
        metrics.classified(Timing(0, 0, ms, 2 * ms))
    done = metrics.snapshot()
    assert (done.infer_ms.p50, done.infer_ms.p99) == (51, 100)
    assert done.age_ms.p50 == 102
    assert done.fps == done.read / done.seconds


def test_memory_is_counted_in_megabytes() -> None:
    assert 20 < peak_rss_mb() < 20_000
