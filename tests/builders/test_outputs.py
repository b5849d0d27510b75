from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from streamcls.builders.outputs import (
    check_outputs,
    run_facts,
    sink_opener,
)
from streamcls.builders.recording import Run
from streamcls.builders.source import open_recorded
from streamcls.config.options import from_options
from streamcls.errors import OutputPathError
from streamcls.metrics import Metrics
from tests.builders.fake import Fake


def outputs(folder: Path, name: str, **given: object) -> None:
    settings = from_options({"source": "sim://", "csv": str(folder / name), **given})
    check_outputs(settings, live=True)


def test_the_name_that_is_checked_is_the_one_that_is_written(tmp_path: Path) -> None:
    (tmp_path / f"o-{datetime.now():%Y}.csv").touch()
    with pytest.raises(OutputPathError, match="exists"):
        outputs(tmp_path, "o-%Y.csv")
    outputs(tmp_path, "o-%Y.csv", rotate="1h")  # gets a number


def test_with_rotation_a_file_of_the_plain_name_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "o.csv").touch()
    outputs(tmp_path, "o.csv", rotate="1h")
    with pytest.raises(OutputPathError, match="exists"):
        outputs(tmp_path, "o.csv")


def test_fields_that_give_no_file_name_are_told_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(OutputPathError, match="no name can be made of it"):
        outputs(tmp_path, "o%D.csv")


# -- what is opened


def run_of(clip: Path, **given: object) -> tuple[Any, Run]:
    settings = from_options({"source": str(clip), "model": "demo", **given})
    fake: Any = Fake()
    unused: Any = None
    made = Run(unused, open_recorded(settings), fake, metrics=Metrics(), threads=5)
    return settings, made


def test_what_outputs_know_of_a_run(clip: Path, tmp_path: Path) -> None:
    settings, run = run_of(clip, start=1.5, top_k=4, overwrite=True)
    facts = run_facts(settings, run)
    assert (facts.top_k, facts.threads, facts.overwrite) == (4, 5, True)
    assert (facts.model, facts.backend, facts.metrics) == ("demo", "fake", run.metrics)
    assert (facts.info, facts.zero_s) == (run.source.info, 0.0)
    assert facts.typeface() is facts.typeface()
    settings, run = run_of(clip, start=1.5, video=str(tmp_path / "a.mp4"))
    assert run_facts(settings, run).zero_s == 1.5  # players show the annotated video's beginning


def test_where_one_can_not_be_opened_the_others_leave_nothing(clip: Path, tmp_path: Path) -> None:
    csv, events = tmp_path / "a.csv", tmp_path / "a.json"
    settings, run = run_of(clip, csv=str(csv), events=str(events))
    events.write_text("came meanwhile")
    with pytest.raises(OutputPathError, match="exists"):
        sink_opener(settings, run)()
    assert list(tmp_path.iterdir()) == [events]
