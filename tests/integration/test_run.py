"""The main job as a user does it: a video in, labels out."""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from streamcls.demo.clip import FPS, truths
from streamcls.demo.scene import EMPTY
from streamcls.inference.engines import fastest_installed
from tests.conftest import Cli


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stats(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def test_all_outputs_of_the_demo_clip(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("o.csv", "o.json", "o.mp4", "s.json")]
    log, events, video, statistics = outputs
    done = cli(
        *("run", demo_clip, "--model", "demo", "--csv", log, "--events", events),
        *("--video", video, "--stats", statistics),
    )
    assert (done.code, done.out) == (0, "")
    assert f"read through PyAV; demo on {fastest_installed()} " in done.err
    assert "300 read = 300 classified + 0 not sampled" in done.err
    found = rows(log)
    assert [int(row["frame"]) for row in found] == list(range(300))

    # The truth is known: nearly every frame that shows one part, and every part's segment.
    expected = truths()
    known = [(row["label_1"], true) for row, true in zip(found, expected, strict=True) if true]
    parts = [(label, true) for label, true in known if true != EMPTY]
    assert sum(label == true for label, true in parts) / len(parts) >= 0.95
    segments = json.loads(events.read_text())
    shown = _runs([s["label"] for s in segments if s["label"] != EMPTY])
    assert shown == _runs([true for _, true in parts])

    # Rows and segments tell the same story, and segments cover the clip without overlap.
    for row in found:
        at = float(row["pts_s"])
        holding = [s["label"] for s in segments if s["start_s"] - 1e-6 <= at < s["end_s"] - 1e-6]
        assert holding == ([row["steady_label"]] if row["steady_label"] != "unknown" else [])
    assert segments[-1]["end_s"] == pytest.approx(300 / FPS)

    ledger = stats(statistics)
    assert ledger["read"] == ledger["classified"] == 300
    assert ledger["in_flight"] == 0
    assert ledger["seconds"] > 0
    assert ledger["fps"] == pytest.approx(300 / ledger["seconds"], rel=0.01)
    for name in ("infer_ms", "age_ms"):
        assert 0 < ledger[name]["p50"] <= ledger[name]["p99"]
    assert ledger["peak_rss_mb"] > 100
    assert ledger["startup_s"] > 0
    assert ledger["model"] == "demo"
    assert f"; demo on {ledger['backend']} (the fastest engine installed" in done.err


def _runs(labels: list[str]) -> list[str]:
    return [label for i, label in enumerate(labels) if i == 0 or labels[i - 1] != label]


def test_the_same_bytes_with_any_number_of_threads(
    cli: Cli, demo_clip: Path, tmp_path: Path
) -> None:
    made = []
    for run, threads in enumerate((1, 2, 2, 3)):
        log, events = tmp_path / f"{run}.csv", tmp_path / f"{run}.json"
        done = cli(
            *("run", demo_clip, "--model", "demo", "--duration", 4, "--threads", threads),
            *("--csv", log, "--events", events),
        )
        assert f"{threads} thread" in done.err
        made.append((log.read_bytes(), events.read_bytes()))
    assert len(made[0][0].splitlines()) == 101
    assert made.count(made[0]) == 4


def test_json_lines_say_what_the_csv_says_in_the_same_bytes_each_time(
    cli: Cli, demo_clip: Path, tmp_path: Path
) -> None:
    texts = []
    for name in ("a", "b"):
        log, lines = tmp_path / f"{name}.csv", tmp_path / f"{name}.jsonl"
        run = ("run", demo_clip, "--model", "demo", "--fps", 5)
        assert cli(*run, "--csv", log, "--jsonl", lines).code == 0
        texts.append(lines.read_bytes())
    assert texts[0] == texts[1]
    objects = [json.loads(line) for line in texts[0].splitlines()]
    for row, found in zip(rows(tmp_path / "a.csv"), objects, strict=True):
        assert row["frame"] == str(found["frame"])
        assert float(row["pts_s"]) == found["pts_s"]
        assert (row["label_1"], float(row["prob_1"])) == tuple(found["top"][0].values())
        assert row["steady_label"] == (found["steady_label"] or "unknown")
        assert found["captured_utc"] is found["age_ms"] is None


def test_json_lines_to_standard_output(cli: Cli, demo_clip: Path) -> None:
    done = cli("run", demo_clip, "--model", "demo", "--fps", 5, "--jsonl", "-")
    assert done.code == 0
    assert all(json.loads(line)["camera"] == "clip" for line in done.out.splitlines())
    both = cli("run", demo_clip, "--model", "demo", "--csv", "-", "--jsonl", "-")
    assert both.code == 2
    assert "the same file as --csv" in both.err


def test_a_damaged_file_too(cli: Cli, videos: Path, tmp_path: Path) -> None:
    made = []
    for threads in (1, 2, 3):
        log, statistics = tmp_path / f"{threads}.csv", tmp_path / f"{threads}.json"
        done = cli(
            *("run", videos / "decord_corrupted.mp4", "--model", "demo", "--threads", threads),
            *("--csv", log, "--stats", statistics),
        )
        assert done.code == 0
        assert "2 of 50 frames could not be decoded and have no label" in done.err
        made.append(log.read_bytes())
        ledger = stats(statistics)
        assert ledger["rejected"] == {"undecodable": 1, "corrupt": 1}
        assert ledger["read"] == 50 == ledger["classified"] + 2
    assert made.count(made[0]) == 3
    frames = [int(line.split(b",")[1]) for line in made[0].splitlines()[1:]]
    assert len(frames) == 48
    assert frames[-1] == 49  # the position in the whole file, undecodable frames counted


def test_sampling_start_and_duration(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    log, statistics = tmp_path / "o.csv", tmp_path / "s.json"
    cli(
        *("run", demo_clip, "--model", "demo", "--start", 2, "--duration", 1, "--fps", 5),
        *("--csv", log, "--stats", statistics),
    )
    assert [int(row["frame"]) for row in rows(log)] == [50, 55, 60, 65, 70]
    ledger = stats(statistics)
    assert (ledger["read"], ledger["classified"], ledger["not_sampled"]) == (25, 5, 20)


def test_without_outputs_the_segments_are_a_table(cli: Cli, demo_clip: Path) -> None:
    done = cli("run", demo_clip, "--model", "demo", "--duration", 3)
    assert done.code == 0
    assert "start s" in done.out
    assert "hinge" in done.out


def test_csv_to_standard_output(cli: Cli, demo_clip: Path) -> None:
    done = cli(
        "run", demo_clip, "--model", "demo", "--every", 25, "--csv", "-", "--camera", "line 1"
    )
    lines = done.out.splitlines()
    assert lines[0].startswith("camera,frame,pts_s,")
    assert len(lines) == 13
    assert lines[1].startswith("line 1,0,0.000000,container,,")


def test_quiet_says_nothing(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    done = cli(
        *("run", demo_clip, "--model", "demo", "--every", 50, "--quiet"),
        *("--csv", tmp_path / "o.csv"),
    )
    assert (done.code, done.out, done.err) == (0, "", "")


def test_verbose_names_other_streams(cli: Cli, videos: Path, tmp_path: Path) -> None:
    clip = videos / "torchcodec_nasa_13013.mp4"
    done = cli(*("run", clip, "--model", "demo", "--every", 100, "-v", "--csv", tmp_path / "o.csv"))
    assert "stream 3 is another video (h264), not used" in done.err


def test_settings_from_a_file_and_options_on_top(
    cli: Cli, demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(
        f"source: {demo_clip}\ncamera: belt\nsample: {{every: 100}}\nmodel: {{name: demo}}\n"
        "postprocess: {top_k: 1}\noutputs: {csv: o.csv}\n"
    )
    assert cli("run", "--config", "s.yaml").code == 0
    assert len(rows(Path("o.csv"))) == 3
    assert cli("run", "--config", "s.yaml", "--every", 50, "--overwrite").code == 0
    found = rows(Path("o.csv"))
    assert len(found) == 6
    assert {row["camera"] for row in found} == {"belt"}
    assert "label_2" not in found[0]


def test_a_missing_glyph_is_said(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    labels = [*"abcdefgh", "\U000f0001"]
    (tmp_path / "l.txt").write_text("\n".join(labels), encoding="utf-8")
    done = cli(
        *("run", demo_clip, "--model", "demo", "--labels", tmp_path / "l.txt", "--every", 50),
        *("--video", tmp_path / "o.mp4", "--backend", "torch"),
    )
    assert done.code == 0
    assert "no glyph for \U000f0001" in done.err


def test_outputs_are_there_where_no_frame_was_wanted(
    cli: Cli, demo_clip: Path, tmp_path: Path
) -> None:
    part = ("--start", 0.03, "--duration", 0.1, "--every", 100)
    log, statistics = tmp_path / "o.csv", tmp_path / "s.json"
    done = cli("run", demo_clip, "--model", "demo", *part, "--csv", log, "--stats", statistics)
    assert done.code == 0
    assert rows(log) == []
    assert stats(statistics)["not_sampled"] == 3


def test_subtitles_of_a_part_fit_the_video_made_with_them(
    cli: Cli, demo_clip: Path, tmp_path: Path
) -> None:
    part = ("run", demo_clip, "--model", "demo", "--start", 2, "--duration", 1, "--every", 5)
    cli(*part, "--events", tmp_path / "source.vtt")
    cli(*part, "--events", tmp_path / "part.vtt", "--video", tmp_path / "part.mp4")
    begun = [(tmp_path / name).read_text().splitlines()[2] for name in ("source.vtt", "part.vtt")]
    assert begun[0].startswith("00:00:02.")
    assert begun[1].startswith("00:00:00.")


def test_a_name_that_is_no_text(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    clip = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    try:
        clip.symlink_to(demo_clip)
    except OSError:
        pytest.skip("this file system takes only text")
    names = [os.fsdecode(b"\xe9" + ending) for ending in (b".csv", b".json", b".mp4", b".st")]
    log, events, video, statistics = (tmp_path / name for name in names)
    done = cli(
        *("run", clip, "--model", "demo", "--duration", 1, "--csv", log, "--events", events),
        *("--video", video, "--stats", statistics),
    )
    assert done.code == 0, done.err
    assert rows(log)[0]["camera"] == "caf?"
    assert json.loads(events.read_text())[0]["camera"] == "caf?"
    assert video.stat().st_size > 10_000
    assert cli("check", clip, "--model", "demo").code == 0


def test_a_demo_clip_that_can_not_be_written_is_taken_away(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("streamcls.cli.demo.render", fill_the_disk)
    done = cli("demo", "--out", tmp_path / "d", "--quiet")
    clip = tmp_path / "d" / "clip.mp4"
    said = f"streamcls: {clip}: can't write: No space left on device\n"
    assert (done.code, done.out, done.err) == (1, "", said)
    assert not clip.exists()


def test_the_demo_command(
    cli: Cli, demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamcls.cli.demo.render", lambda path: shutil.copy(demo_clip, path))
    out = tmp_path / "demo"
    done = cli("demo", "--out", out)
    assert done.code == 0
    *named, last = done.out.splitlines()
    for file in ("annotated.mp4", "labels.csv", "segments.vtt"):
        assert (out / file).stat().st_size > 0
        assert any(line.endswith(str(out / file)) for line in named)
    assert last.startswith("agreement: ") and last.endswith(" %")
    assert float(last.split()[1]) >= 95
    again = cli("demo", "--out", out)
    assert again.code == 2
    assert "exists; give --overwrite or another --out" in again.err
