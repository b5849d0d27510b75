from pathlib import Path

import numpy as np
import pytest

from streamcls.bench import rows
from streamcls.bench.rows import Rounds, Way
from streamcls.bench.worker import Task, Turn
from streamcls.config.settings import ModelSettings
from streamcls.errors import ModelSettingsError


def way(engine: str, threads: int = 1) -> Way:
    return Way(engine, "fp32", threads, 224, ModelSettings(), Path("pictures.npy"), None)


def test_ways_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"torch": iter([10.0, 30.0, 20.0]), "onnx": iter([50.0, 40.0, 60.0])}
    order: list[str] = []

    def turn(task: Task) -> Turn:
        order.append(task.engine)
        if task.answers:
            first = 0.0 if task.engine == "torch" else 1.0
            np.save(task.answers, np.array([[1 - first, first], [0.2, 0.8]], np.float32))
        return Turn(load_s=1.0, memory_mb=100.0, ms=[5.0, 6.0, 7.0], rate=next(rates[task.engine]))

    monkeypatch.setattr(rows, "take_turn", turn)
    torch, onnx = way("torch"), way("onnx")
    measured = Rounds([torch, onnx], tmp_path)
    measured.measure(3, lambda _: None)
    assert order == ["torch", "onnx"] * 3
    row = measured.row(onnx, torch)
    assert row is not None
    assert (row.rate, row.rate_spread) == (50.0, (40.0, 60.0))
    assert (row.p50_ms, row.load_s, row.memory_mb, row.agreement) == (6.0, 1.0, 100.0, 0.5)
    alone = measured.row(onnx, None)
    assert alone is not None
    assert alone.agreement is None


def test_what_does_not_run_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def turn(task: Task) -> Turn:
        if task.engine == "onnx":
            raise ModelSettingsError("no such operator")
        return Turn(1.0, 1.0, [1.0], 1.0)

    monkeypatch.setattr(rows, "take_turn", turn)
    measured = Rounds([way("torch"), way("onnx", threads=2)], tmp_path)
    measured.measure(2, lambda _: None)
    assert [(one.what, one.why) for one in measured.left_out] == [
        ("onnx fp32, 2 threads", "no such operator")
    ]
    assert measured.row(way("onnx", threads=2), None) is None
    with pytest.raises(ModelSettingsError, match="onnx fp32, 1 threads: no such operator"):
        Rounds([way("onnx")], tmp_path).measure(1, lambda _: None)
