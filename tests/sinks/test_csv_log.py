import csv
from pathlib import Path

import numpy as np
import pytest

from streamcls.errors import OutputError
from streamcls.records import Prediction
from streamcls.sinks.csv_log import CsvLog
from tests.fakes import prediction, result
from tests.sinks.full_disk import FullDisk

HEADER = (
    "camera,frame,pts_s,time_source,captured_utc,label_1,prob_1,label_2,prob_2,label_3,prob_3,"
    "steady_label,steady_prob"
)


def test_header_and_rows_are_exactly_as_promised(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "o.csv", 3)
    log.write(result(7, pts_s=1 / 3, raw=prediction(0.7, 0.2, 0.1)))
    log.write(result(8, pts_s=0.4, raw=prediction(0.1, 0.2, 0.7), steady=None))
    log.close()
    assert (tmp_path / "o.csv").read_bytes().decode() == (
        f"{HEADER}\n"
        "cam,7,0.333333,container,,cat,0.700000,dog,0.200000,bird,0.100000,cat,0.900000\n"
        "cam,8,0.400000,container,,bird,0.700000,dog,0.200000,cat,0.100000,unknown,0.900000\n"
    )


@pytest.mark.parametrize("top_k", [1, 5])
def test_the_columns_follow_top_k(top_k: int, tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "o.csv", top_k)
    log.write(result(raw=prediction()))
    log.close()
    rows = list(csv.reader((tmp_path / "o.csv").read_text().splitlines()))
    assert [len(row) for row in rows] == [7 + 2 * top_k] * 2
    if top_k == 5:  # the model has three classes
        assert rows[1][11:15] == ["", "", "", ""]


def test_labels_are_quoted_as_in_rfc_4180(tmp_path: Path) -> None:
    labels = ('a "b"', "c, d", "e\nf 水")
    log = CsvLog(tmp_path / "o.csv", 3)
    log.write(result(raw=Prediction(np.array([0.5, 0.3, 0.2], np.float32), labels)))
    log.close()
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["label_1"], row["label_2"], row["label_3"]) == labels


def test_each_row_is_on_the_disk_before_the_next_frame(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "o.csv", 3)
    for index in range(3):
        log.write(result(index, raw=prediction()))
        assert len((tmp_path / "o.csv").read_text().splitlines()) == index + 2
    log.close()


def test_live_rows_carry_the_time_of_day(tmp_path: Path) -> None:
    from dataclasses import replace

    live = result(raw=prediction())
    live = replace(live, frame=replace(live.frame, captured_utc=1_700_000_000.5))
    log = CsvLog(tmp_path / "o.csv", 1)
    log.write(live)
    log.close()
    assert ",2023-11-14T22:13:20.500Z," in (tmp_path / "o.csv").read_text()


def test_a_full_disk_is_said_with_the_name(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"/dev/full: can't write: No space left on device"):
        CsvLog(Path("/dev/full"), 3)


def test_a_full_disk_leaves_no_half_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, disk = CsvLog(tmp_path / "o.csv", 3), FullDisk(monkeypatch)
    log.write(result(0, raw=prediction()))
    before = (tmp_path / "o.csv").read_text()
    disk.full = True
    with pytest.raises(OutputError):
        log.write(result(1, raw=prediction()))
    assert (tmp_path / "o.csv").read_text() == before
    disk.full = False
    log.write(result(2, raw=prediction()))
    log.close()
    rows = list(csv.reader((tmp_path / "o.csv").read_text().splitlines()))
    assert [row[1] for row in rows] == ["frame", "0", "2"]
