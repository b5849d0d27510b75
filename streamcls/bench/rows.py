"""The ways of running a network, measured in turns and compared with torch in float32."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from streamcls.bench.worker import Task, Turn, take_turn
from streamcls.config.settings import ModelSettings
from streamcls.errors import ModelSettingsError

Say = Callable[[str], None]

_SECONDS = 0.6  # for each of the two speeds in a turn


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One way of running a network.

    Attributes:
        engine, precision: on what.
        threads: of one call with a single picture; and so many callers of one thread each.
        side: px, input size.
        model: the settings that torch loads it by.
        pictures: .npy with what it is measured and compared on.
        file: the converted network; None for torch.
    """

    engine: str
    precision: str
    threads: int
    side: int
    model: ModelSettings
    pictures: Path
    file: Path | None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.engine} {self.precision}"

    @property
    def key(self) -> tuple[str, str, int]:
        """Ways with the same one give the same answers."""
        return self.engine, self.precision, self.side


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """How a way did; medians over the rounds unless it says otherwise.

    Attributes:
        backend, precision, threads, input_size: which way.
        load_s: until the first answer, the engine's import included.
        memory_mb: resident, added to the process.
        p50_ms, p99_ms: of all calls with a single picture.
        rate: pictures a second in the shape of recordings.
        rate_spread: slowest and fastest round.
        agreement: share of pictures that get the reference's label, 0 to 1; None without one.
    """

    backend: str
    precision: str
    threads: int
    input_size: int
    load_s: float
    memory_mb: float
    p50_ms: float
    p99_ms: float
    rate: float
    rate_spread: tuple[float, float]
    agreement: float | None


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What was not measured, and why."""

    what: str
    why: str


@dataclass(slots=True, eq=False)
class Rounds:
    """Measures ways, round by round, so that all of them see the machine at its fast and slow."""

    ways: list[Way]
    folder: Path  # for answers
    left_out: list[LeftOut] = field(default_factory=list)
    _turns: dict[Way, list[Turn]] = field(default_factory=dict)

    def measure(self, rounds: int, say: Say) -> None:
        """Gives every way a turn in each round; one that does not run is left out.

        Raises:
            ModelSettingsError: none of them runs.
        """
        self._turns = {way: [] for way in self.ways}
        for number in range(rounds):
            for at, way in enumerate(list(self._turns)):
                say(
                    f"engines, round {number + 1} of {rounds}: {at + 1} of {len(self._turns)}, "
                    f"{way.name} at {way.side} px"
                )
                try:
                    self._turns[way].append(take_turn(self._task(way, first=number == 0)))
                except ModelSettingsError as error:
                    del self._turns[way]
                    self.left_out.append(LeftOut(f"{way.name}, {way.threads} threads", str(error)))
        if not self._turns:
            raise ModelSettingsError(f"{self.left_out[0].what}: {self.left_out[0].why}")

    def row(self, way: Way, reference: Way | None) -> Row | None:
        """What came out for a way, compared with a reference; None where it did not run."""
        turns = self._turns.get(way)
        if not turns:
            return None
        rates = sorted(turn.rate for turn in turns)
        p50, p99 = np.percentile([ms for turn in turns for ms in turn.ms], (50, 99))
        return Row(
            backend=way.engine,
            precision=way.precision,
            threads=way.threads,
            input_size=way.side,
            load_s=statistics.median(turn.load_s for turn in turns),
            memory_mb=statistics.median(turn.memory_mb for turn in turns),
            p50_ms=float(p50),
            p99_ms=float(p99),
            rate=statistics.median(rates),
            rate_spread=(rates[0], rates[-1]),
            agreement=self._agreement(way, reference),
        )

    def answer_only(self, way: Way) -> None:
        """Lets a way that is not to be measured answer, as a reference."""
        if not self._answers(way).exists():
            take_turn(self._task(way, first=True, seconds=0.0))

    def _task(self, way: Way, *, first: bool, seconds: float = _SECONDS) -> Task:
        answers = self._answers(way)
        return Task(
            engine=way.engine,
            precision=way.precision,
            file=str(way.file or ""),
            model=way.model.model_dump_json(),
            side=way.side,
            threads=way.threads,
            pictures=str(way.pictures),
            seconds=seconds,
            answers=str(answers) if first and not answers.exists() else "",
        )

    def _agreement(self, way: Way, reference: Way | None) -> float | None:
        from streamcls.inference.agreement import compare

        if reference is None or not self._answers(reference).exists():
            return None
        before, after = np.load(self._answers(reference)), np.load(self._answers(way))
        return compare(before, after).top1

    def _answers(self, way: Way) -> Path:
        return self.folder / f"answers-{'-'.join(map(str, way.key))}.npy"


def same(ways: Sequence[Way], key: tuple[str, str, int], threads: int) -> Way | None:
    """The way with this key and number of threads, if it is among these."""
    return next((way for way in ways if way.key == key and way.threads == threads), None)
