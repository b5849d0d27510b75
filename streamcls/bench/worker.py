"""One way of running a network, measured in its own process: `python -m streamcls.bench.worker`.

It loads, is measured for a moment, and ends. So nothing idles beside the next one's turn, and no
more than one network is in memory, however many ways there are.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamcls.bench.own_process import answer, ask
from streamcls.builders.backend import Work, engine_backend, load_network, torch_backend
from streamcls.builders.recording import BATCH
from streamcls.config.settings import ModelSettings
from streamcls.metrics import peak_rss_mb
from streamcls.protocols import Backend

Pixels = NDArray[np.uint8]  # (N, S, S, 3) RGB

_MODULE = "streamcls.bench.worker"
_FEWEST = 3  # calls, however long they take


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is measured.

    Attributes:
        engine, precision: on what the network runs.
        file: the converted network; empty for torch.
        model: `ModelSettings` as JSON, for torch.
        side: px, input size of the network.
        threads: of one call with a single picture; and so many callers of one thread each.
        pictures: .npy with (N, S, S, 3) uint8 RGB.
        seconds: how long each of the two speeds is measured.
        answers: .npy to write the probabilities of all pictures to; empty for none.
    """

    engine: str
    precision: str
    file: str
    model: str
    side: int
    threads: int
    pictures: str
    seconds: float
    answers: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """What came out in one turn.

    Attributes:
        load_s: from nothing, the engine's import included, to the first answer.
        memory_mb: resident memory that it added, while recordings are classified.
        ms: of each call with a single picture.
        rate: pictures a second in the shape of recordings, `BATCH` by each of `threads` callers.
    """

    load_s: float
    memory_mb: float
    ms: list[float]
    rate: float


def take_turn(task: Task) -> Turn:
    """Measures in a new process.

    Raises:
        ModelSettingsError: the network does not run that way; with the reason.
    """
    return Turn(**json.loads(ask(_MODULE, json.dumps(asdict(task)))))


def _measure(text: str) -> str:
    task = Task(**json.loads(text))
    pictures: Pixels = np.load(task.pictures)
    before_mb, begun = _rss_mb(), time.perf_counter()
    many = _load(task, Work(BATCH, 1, task.threads))
    load_s = time.perf_counter() - begun
    rate = _rate(many, pictures, task)
    memory_mb = _rss_mb() - before_mb
    if task.answers:
        from streamcls.inference.agreement import answers

        np.save(task.answers, answers(many, list(pictures), BATCH))
    alone = _load(task, Work(1, task.threads))
    ms = _latencies_ms(alone, pictures, task.seconds)
    return json.dumps(asdict(Turn(load_s, memory_mb, ms, rate)))


def _load(task: Task, work: Work) -> Backend:
    if task.engine == "torch":
        network = load_network(ModelSettings.model_validate_json(task.model), progress=False)
        return torch_backend(network, work, task.precision)
    return engine_backend(Path(task.file), task.engine, task.precision, task.side, work)


def _rate(backend: Backend, pictures: Pixels, task: Task) -> float:
    """Pictures a second of all callers together."""
    batch = np.resize(pictures, (BATCH, *pictures.shape[1:]))

    def call(_number: int) -> float:
        backend.infer(batch)  # what a thread's first call makes is not measured
        begun, calls, taken = time.perf_counter(), 0, 0.0
        while taken < task.seconds or calls < _FEWEST:
            backend.infer(batch)
            calls, taken = calls + 1, time.perf_counter() - begun
        return calls * BATCH / taken

    with ThreadPoolExecutor(task.threads) as callers:
        return sum(callers.map(call, range(task.threads)))


def _latencies_ms(backend: Backend, pictures: Pixels, seconds: float) -> list[float]:
    found: list[float] = []
    backend.infer(pictures[:1])
    end = time.perf_counter() + seconds
    while len(found) < _FEWEST or time.perf_counter() < end:
        picture = pictures[len(found) % len(pictures)][None]
        begun = time.perf_counter()
        backend.infer(picture)
        found.append((time.perf_counter() - begun) * 1000)
    return found


def _rss_mb() -> float:
    """Resident memory now, in MB of 1,000,000 bytes; where nobody tells, the most so far."""
    status = Path("/proc/self/status")
    if not (sys.platform == "linux" and status.exists()):
        return peak_rss_mb()
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    answer(_measure)
