"""What every output of the settings promises, over all that there are."""

import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from streamcls.config.settings import OutputSettings
from streamcls.config.types import WrittenBy
from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics
from streamcls.protocols import Pictured
from streamcls.sinks.fonts import Typeface
from streamcls.sinks.output import Output, RunFacts
from tests.fakes import LABELS, event, info, prediction, result

WRITERS = {
    name: mark.module
    for name, field in OutputSettings.model_fields.items()
    for mark in field.metadata
    if isinstance(mark, WrittenBy)
}
# Those that are files, and a name for each. What is not a file has its own tests.
FILES = {
    "csv": "a.csv",
    "jsonl": "a.jsonl",
    "events": "a.json",
    "video": "a.mp4",
    "stats": "a.json",
}
FOLDERS = {"snapshots": "pictures"}
RECORDING = RunFacts(
    info=info(),
    zero_s=0.0,
    top_k=2,
    threads=1,
    overwrite=False,
    metrics=Metrics(),
    model="m",
    backend="b",
    typeface=lambda: Typeface(None, LABELS),
)
LIVE = replace(RECORDING, info=None, first=result(0, raw=prediction()))


def output(name: str) -> Output:
    found = importlib.import_module(f"streamcls.sinks.{WRITERS[name]}").OUTPUT
    assert isinstance(found, Output)
    return found


def test_every_output_says_how_it_is_opened() -> None:
    assert all(isinstance(output(name), Output) for name in WRITERS)
    takes_paths = {n for n, f in OutputSettings.model_fields.items() if "Path" in str(f.annotation)}
    assert {*FILES, *FOLDERS} == set(WRITERS) & takes_paths
    assert {name for name in WRITERS if output(name).folder} == set(FOLDERS)


@pytest.mark.parametrize("facts", [RECORDING, LIVE], ids=["recording", "live"])
@pytest.mark.parametrize("name", FILES | FOLDERS)
def test_it_opens_takes_results_and_closes(name: str, facts: RunFacts, tmp_path: Path) -> None:
    path = tmp_path / (FILES | FOLDERS)[name]
    output(name).check(f"--{name}", path)
    sink = output(name).open(path, facts)
    assert sink.every_frame == output(name).every_frame
    assert isinstance(sink, Pictured) == output(name).pictured
    sink.event(event(end_s=None))
    for index in range(3):
        sink.write(result(index, raw=prediction()))
    sink.event(event(end_s=0.3))
    sink.close()
    sink.close()
    assert path.stat().st_size
    assert list(tmp_path.iterdir()) == [path]
    assert path.is_file() or len(list(path.iterdir())) == 1


@pytest.mark.parametrize("name", FILES)
def test_what_exists_is_replaced_only_where_that_is_allowed(name: str, tmp_path: Path) -> None:
    path = tmp_path / FILES[name]
    path.write_text("precious")
    with pytest.raises(OutputPathError, match="exists"):  # some write only at their end
        output(name).open(path, RECORDING).close()
    assert path.read_text() == "precious"
    output(name).open(path, replace(RECORDING, overwrite=True)).close()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("events", "a.txt"), ("video", "a.avi"), ("stats", "-"), ("snapshots", "-")],
)
def test_a_place_that_can_not_be_right_is_said_with_its_option(name: str, wrong: str) -> None:
    with pytest.raises(OutputPathError, match=f"--{name} {wrong}"):
        output(name).check(f"--{name}", Path(wrong))
