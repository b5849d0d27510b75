from datetime import datetime
from pathlib import Path

import pytest

from streamcls.builders.outputs import check_outputs
from streamcls.config.options import from_options
from streamcls.errors import OutputPathError


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
