"""In which form torch runs a network fastest here: `python -m streamcls.bench.torch_forms`.

All forms are loaded in one process and take turns in it. The shapes are those of runs: recordings
come in batches with one thread each, a live source's pictures alone with all threads.
"""

import json
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamcls.bench.own_process import answer, ask
from streamcls.builders.backend import Work, load_network, torch_backend
from streamcls.builders.recording import BATCH
from streamcls.config.settings import ModelSettings
from streamcls.errors import ModelSettingsError
from streamcls.inference.cache import remember, torch_form_fact
from streamcls.protocols import Backend

_MODULE = "streamcls.bench.torch_forms"
_COMPILERS = ("c++", "g++", "clang++")  # one of which torch.compile needs
_EAGER = "eager"
_FASTER = 0.9  # of eager's time; a form that gains less is not worth its loading
MAX_CHANGE = 1e-3  # of a probability; a form that changes one by more is wrong
_FEWEST = 3  # calls a round


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Which forms are measured; see `worker.Task`."""

    model: str
    threads: int
    forms: list[str]
    pictures: str
    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """How one form did in one shape of work.

    Attributes:
        form: one of `torch_backend.FORMS`.
        batch, threads: the shape.
        ms: a picture; median over the rounds. None where it does not run.
        max_change: of a probability, against eager. None where it does not run.
        failure: why it does not run, or empty.
        used: whether runs of this shape take it from now on.
    """

    form: str
    batch: int
    threads: int
    ms: float | None
    max_change: float | None
    failure: str = ""
    used: bool = False


def known_forms() -> list[str]:
    """The forms that can work here."""
    from streamcls.inference.torch_backend import FORMS

    compiler = any(shutil.which(name) for name in _COMPILERS)
    return [form for form in FORMS if form != "compile" or compiler]


def measure_forms(task: Task) -> list[Form]:
    """Measures in a new process.

    Raises:
        ModelSettingsError: the process failed; with the reason.
    """
    return [Form(**one) for one in json.loads(ask(_MODULE, json.dumps(asdict(task))))]


def chosen(forms: Sequence[Form]) -> list[Form]:
    """The forms of one shape, the one marked that runs should use."""
    eager = next(one for one in forms if one.form == _EAGER)
    right = [one for one in forms if one.max_change is not None and one.max_change < MAX_CHANGE]
    best = min(right, key=lambda one: one.ms or 0.0, default=eager)
    if best.ms is None or eager.ms is None or best.ms > eager.ms * _FASTER:
        best = eager
    return [replace(one, used=one is best) for one in forms]


def keep(forms: Sequence[Form], weights_sha256: str) -> None:
    """Lets runs with these weights know which form to use."""
    for one in forms:
        if one.used:
            remember(torch_form_fact(weights_sha256, one.batch, one.threads), one.form)


def _measure(text: str) -> str:
    task = Task(**json.loads(text))
    settings = ModelSettings.model_validate_json(task.model)
    pictures: NDArray[np.uint8] = np.load(task.pictures)
    found: list[Form] = []
    for work in (Work(BATCH, 1), Work(1, task.threads)):
        found += chosen(_of_shape(work, task, settings, pictures))
    return json.dumps([asdict(one) for one in found])


def _of_shape(
    work: Work, task: Task, settings: ModelSettings, pictures: NDArray[np.uint8]
) -> list[Form]:
    from streamcls.inference.agreement import answers

    network = load_network(settings, progress=False)
    backends: dict[str, Backend] = {}
    failures: dict[str, str] = {}
    for form in task.forms:
        try:
            backends[form] = torch_backend(network, work, "fp32", form)
        except (ModelSettingsError, RuntimeError, OSError) as error:
            failures[form] = next(iter(str(error).splitlines()), type(error).__name__)
    probs = {form: answers(one, list(pictures), work.batch) for form, one in backends.items()}
    times = _times_ms(backends, np.resize(pictures, (work.batch, *pictures.shape[1:])), task)
    return [
        Form(
            form,
            work.batch,
            work.threads,
            ms=times.get(form),
            max_change=float(np.abs(probs[form] - probs[_EAGER]).max()) if form in probs else None,
            failure=failures.get(form, ""),
        )
        for form in task.forms
    ]


def _times_ms(
    backends: dict[str, Backend], batch: NDArray[np.uint8], task: Task
) -> dict[str, float]:
    """Medians over the rounds, a picture."""
    rounds: dict[str, list[float]] = {form: [] for form in backends}
    for _ in range(task.rounds):
        for form, backend in backends.items():
            backend.infer(batch)  # the caches are the other one's
            begun, calls, taken = time.perf_counter(), 0, 0.0
            while taken < task.seconds or calls < _FEWEST:
                backend.infer(batch)
                calls, taken = calls + 1, time.perf_counter() - begun
            rounds[form].append(taken * 1000 / calls / len(batch))
    return {form: statistics.median(times) for form, times in rounds.items()}


if __name__ == "__main__":
    answer(_measure)
