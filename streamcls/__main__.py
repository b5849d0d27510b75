"""`python -m streamcls`, and the command `streamcls`."""

import os
import signal
import sys


def main() -> None:
    """Runs the command line; while that loads, a signal ends the process in silence."""
    service = any(argument.startswith("--config") for argument in sys.argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os._exit(0 if service else 128 + number))
    from streamcls.cli import main as run

    run()


if __name__ == "__main__":
    main()
