import json
import os
from pathlib import Path

import pytest

from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics
from streamcls.sinks.stats import StatsFile


def test_statistics_can_be_rewritten_at_any_time_and_are_whole(tmp_path: Path) -> None:
    metrics, path = Metrics(), tmp_path / "out.json"
    sink = StatsFile(path, metrics, backend="b", model="m")
    read = []
    for _ in range(3):
        metrics.read()
        metrics.not_sampled()
        sink.refresh()
        read.append(json.loads(path.read_text())["read"])
    metrics.read()
    sink.close()
    read.append(json.loads(path.read_text())["read"])
    assert read == [1, 2, 3, 4]
    assert list(tmp_path.iterdir()) == [path]  # nothing is left beside it
    metrics.read()
    sink.close()
    assert json.loads(path.read_text())["read"] == 4


def test_statistics_replace_their_own_file_only(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("precious")
    sink = StatsFile(path, Metrics(), backend="b", model="m")
    for write in (sink.refresh, sink.refresh, sink.close):
        with pytest.raises(OutputPathError, match="exists"):
            write()
    assert path.read_text() == "precious"


def test_a_reader_never_sees_half_of_the_statistics(tmp_path: Path) -> None:
    """The file is another one each time: who has it open reads the old one to its end."""
    path = tmp_path / "out.json"
    sink = StatsFile(path, Metrics(), backend="b", model="m")
    sink.refresh()
    with path.open() as reader:
        half = reader.read(20)
        sink.refresh()
        assert json.loads(half + reader.read())["model"] == "m"
        assert path.stat().st_ino != os.fstat(reader.fileno()).st_ino
