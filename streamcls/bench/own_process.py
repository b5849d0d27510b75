"""Measurements in a process of their own: what it loads and how much memory it takes is its own."""

import os
import subprocess
import sys
from collections.abc import Callable

from streamcls.errors import ModelSettingsError, StreamclsError


def ask(module: str, task: str) -> str:
    """Runs a module as a program with the task on its standard input; its answer.

    Raises:
        ModelSettingsError: it failed; with its last word.
    """
    done = subprocess.run(
        [sys.executable, "-m", module], input=task, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return done.stdout.splitlines()[-1]  # what libraries print comes before
    if done.returncode < 0:
        raise ModelSettingsError(f"its process was ended by signal {-done.returncode}")
    words = [line for line in done.stderr.splitlines() if line.strip()]
    raise ModelSettingsError(words[-1] if words else f"its process ended with {done.returncode}")


def answer(measure: Callable[[str], str]) -> None:
    """The program's side: from the task to one line of answer, or of error."""
    try:
        found = measure(sys.stdin.read())
    except StreamclsError as error:
        sys.exit(str(error).replace("\n", " "))
    sys.stdout.write(f"\n{found}\n")
    sys.stdout.flush()
    os._exit(0)  # all is said; what engines do at their end only takes time
