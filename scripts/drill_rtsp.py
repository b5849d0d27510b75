"""Puts a real RTSP camera through every fault, and prints what the run made of it.

    .venv/bin/python scripts/drill_rtsp.py

Needs what the integration tests need (scripts/test installs it).
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.integration import rtsp_faults as faults
from tests.integration.rtsp import FaultProxy
from tests.integration.rtsp_faults import Outcome


def set_line(name: str, value: object) -> Callable[[FaultProxy], None]:
    """What gives the line another quality."""
    return lambda line: setattr(line, name, value)


def main() -> None:
    """A row for each fault."""
    logging.disable(logging.ERROR)
    model = faults.demo_classifier()
    drills: list[Callable[[], Outcome]] = [
        lambda: faults.killed(model, away_s=10),
        lambda: faults.killed(model, away_s=0, size="320x240"),
        lambda: faults.stopped(model, for_s=4),
        lambda: faults.stopped(model, for_s=15),
        lambda: faults.late_start(model, after_s=20),
        lambda: faults.wrong_password(model, for_s=10),
        lambda: faults.dead_address(model, connect_timeout=10),
        lambda: faults.on_a_line(model, "2 s delay", set_line("delay_s", 2.0), for_s=4),
        lambda: faults.on_a_line(model, "20 kB/s", set_line("bytes_per_s", 20_000), for_s=8),
        lambda: faults.on_a_line(model, "0.1 % wrong", set_line("corrupt", 1e-3), for_s=5),
        lambda: faults.on_a_line(model, "cut", FaultProxy.cut, for_s=0.3),
        lambda: faults.on_a_line(model, "silent", set_line("mute", True), for_s=10),
    ]
    print(f"{'fault':24}{'state':>10}{'noticed s':>11}{'rows':>6}{'back s':>8}{'threads':>9}")
    for drill in drills:
        found = drill()
        noticed, back = (
            "-" if value is None else f"{value:.2f}"
            for value in (found.noticed_s, found.recovered_s)
        )
        print(
            f"{found.fault:24}{found.state:>10}{noticed:>11}{found.rows:>6}{back:>8}"
            f"{found.threads:>9}",
            flush=True,
        )


if __name__ == "__main__":
    main()
