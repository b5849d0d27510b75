import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streamcls.bench import chart, pipeline, plan, report, rows, torch_forms
from streamcls.bench.report import BenchReport
from streamcls.bench.torch_forms import keep
from streamcls.config.options import from_options
from streamcls.inference.card import read_card, sha256_of
from streamcls.inference.model_folder import describe
from tests.bench.examples import PNG, form, found_pipeline, speeds
from tests.conftest import Cli, Done

DEMO = Path(plan.__file__).parent.parent / "demo" / "model"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures for a moment only, and torch without a compiler."""
    monkeypatch.setattr(rows, "_SECONDS", 0.02)
    monkeypatch.setattr("streamcls.bench.report._FORM_SECONDS", 0.02)
    monkeypatch.setattr(pipeline, "_FRAMES", 40)
    monkeypatch.setattr("streamcls.export.pictures._PICTURES", 80)
    monkeypatch.setattr(shutil, "which", lambda name: None)


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache_home: Path) -> None:
    """What is remembered here is not for other tests; what was converted is for all."""
    models, own = cache_home / "streamcls" / "models", tmp_path / "cache" / "streamcls"
    models.mkdir(parents=True, exist_ok=True)
    own.mkdir(parents=True)
    (own / "models").symlink_to(models)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module", autouse=True)
def fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """matplotlib keeps the font files open that it used once."""
    path = tmp_path_factory.mktemp("chart") / "a.png"
    chart.draw("title", [speeds("torch", 1, 1.0)], found_pipeline(), path, overwrite=False)


# -- what is wrong is one line


def wrong(cli: Cli, *arguments: object, says: str, code: int = 2) -> None:
    done = cli("bench", *arguments)
    assert (done.code, done.out) == (code, ""), done.err
    (line,) = done.err.splitlines()
    assert says in line


@pytest.mark.parametrize("source", ["0", "rtsp://anna:secret@10.0.0.7/cam", "sim://"])
def test_live_sources(cli: Cli, source: str) -> None:
    wrong(cli, source, "--model", "demo", says="a live source; bench needs a recorded file")


def test_a_live_sources_password_stays_secret(cli: Cli) -> None:
    assert "secret" not in cli("bench", "rtsp://anna:secret@10.0.0.7/cam").err


def test_folders_and_missing_files(cli: Cli, tmp_path: Path) -> None:
    wrong(cli, tmp_path, "--model", "demo", says="a folder; give a video file")
    wrong(cli, tmp_path / "no.mp4", "--model", "demo", says="no such file")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--rounds", "0"), "--rounds"),
        (("--backend", "torch", "--precision", "int8"), "torch can't compute in it"),
        (("--backend", "onnx", "--precision", "bf16"), "onnx can't compute in it"),
        (("--precision", "int4"), "--precision"),
        (("--model", "resnet81"), "did you mean"),
    ],
)
def test_options(cli: Cli, demo_clip: Path, options: tuple[str, ...], says: str) -> None:
    wrong(cli, demo_clip, "--model", "demo", *options, says=says)


def test_a_chart_needs_a_place(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.png"
    there.write_text("mine")
    wrong(cli, demo_clip, "--plot", there, says="there.png: exists; give --overwrite")
    assert there.read_text() == "mine"
    wrong(cli, demo_clip, "--plot", tmp_path / "a.pdf", says="let its name end in .png")
    wrong(cli, demo_clip, "--plot", tmp_path / "no" / "a.png", says="there is no folder")
    wrong(cli, demo_clip, "--plot", tmp_path, says=".png")


def test_a_chart_needs_matplotlib(
    cli: Cli, demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else real(name)
    )
    says = "--plot: matplotlib not installed; install with: pip install 'streamcls[bench]'"
    wrong(cli, demo_clip, "--plot", tmp_path / "a.png", says=says, code=1)


def test_too_few_different_frames(cli: Cli, make_clip: Callable[..., Path]) -> None:
    still = make_clip("still.mp4", source="color=size=320x240:rate=25:duration=1")
    wrong(cli, still, "--model", "demo", "--backend", "torch", says="distinct pictures in it")


# -- forms of torch


@pytest.mark.usefixtures("own_cache")
def test_runs_use_what_was_remembered(cli: Cli, demo_clip: Path, tmp_path: Path) -> None:
    digest = sha256_of(describe(DEMO)[1])
    assert read_card(DEMO, digest).sha256 == digest

    def backend(name: str) -> str:
        stats = tmp_path / "s.json"
        done = cli(
            *("run", demo_clip, "--model", "demo", "--backend", "torch", "--duration", 0.2),
            *("--csv", tmp_path / f"{name}.csv", "--stats", stats, "--overwrite"),
        )
        assert done.code == 0, done.err
        return str(json.loads(stats.read_text())["backend"])

    keep([replace(form("eager", 10.0), used=True), form("torchscript", 9.5)], digest)
    assert backend("before") == "torch fp32"
    keep([form("eager", 10.0), replace(form("torchscript", 5.0), used=True)], digest)
    assert backend("after") == "torch fp32 (torchscript)"


# -- the command


def ways(found: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(row["backend"], row["precision"], row["threads"]) for row in found["engines"]]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("quick", "own_cache")
def test_several_engines(
    cli: Cli, demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured once, and shown as JSON, as tables and as a chart."""
    bench = report.bench
    measured: list[BenchReport] = []

    def once(*arguments: Any, **options: Any) -> BenchReport:
        if not measured:
            measured.append(bench(*arguments, **options))
        return measured[0]

    monkeypatch.setattr(report, "bench", once)
    monkeypatch.setattr(plan, "ENGINES", ("openvino", "torch"))
    asked = ("bench", demo_clip, "--model", "demo", "--rounds", 1, "--threads", 1, "--quiet")
    _check_json(cli(*asked, "--json"))
    _check_tables(cli(*asked, "--plot", tmp_path / "a.png"))
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


def _check_json(done: Done) -> None:
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    measured = ways(found)
    for engine, precision in (("torch", "fp32"), ("openvino", "fp32"), ("openvino", "int8")):
        assert (engine, precision, 1) in measured
    assert len(measured) == len(set(measured))
    assert found["left_out"] == []
    assert found["calibrated_on"] > 0 < found["compared_on"]
    for row in found["engines"]:
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["rate_spread"][0] <= row["rate"] <= row["rate_spread"][1]
        assert row["load_s"] > 0 < row["memory_mb"]
        exact = row["precision"] == "fp32"
        assert row["agreement"] == 1 if exact else 0.8 <= row["agreement"] <= 1
    _check_forms(found["torch_forms"])
    _check_pipeline(found["pipeline"])


def _check_tables(done: Done) -> None:
    assert (done.code, done.err) == (0, "")
    assert re.search(r"\n  torch fp32 +1 .*100\.0%", done.out)
    assert re.search(r"\n  openvino int8 +1 ", done.out)
    assert "Bottleneck with CSV: " in done.out
    assert "Bottleneck with CSV + video: " in done.out
    tables = [line for line in done.out.splitlines() if line.startswith("  ")]
    assert max(map(len, tables)) <= 80
    sizes = [int(size) for size in re.findall(r"\n  (\d+) px ", done.out)]
    assert len(sizes) == 3
    assert sizes == sorted(sizes, reverse=True)


def _check_forms(listed: list[dict[str, Any]]) -> None:
    assert [(one["form"], one["batch"], one["threads"]) for one in listed] == [
        ("eager", 4, 1),
        ("torchscript", 4, 1),
        ("eager", 1, 1),
        ("torchscript", 1, 1),
    ]
    assert sum(one["used"] for one in listed) == 2
    assert all(one["max_change"] < torch_forms.MAX_CHANGE for one in listed)


def _check_pipeline(found: dict[str, Any]) -> None:
    parts = found["parts"]
    assert list(parts) == ["decode", "preprocess", "infer", "convert", "encode"]
    assert all(cost["cpu_ms"] > 0 < cost["wall_ms"] for cost in parts.values())
    assert found["frames"] == 40
    assert [run["outputs"] for run in found["runs"]] == ["CSV", "CSV + video"]
    for run in found["runs"]:
        assert run["ratio"] == pytest.approx(run["fps"] / run["floor"]["fps"], rel=1e-3)
        assert run["floor"]["bottleneck"] in run["parts"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("quick")
def test_a_bundle_is_measured_as_it_is(
    cli: Cli, bundles: Path, demo_clip: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(bundles / "onnx", tmp_path / "bundle"))
    asked = ("bench", demo_clip, "--model", bundle, "--rounds", 1, "--threads", 1, "--json")
    found = json.loads(cli(*asked).out)
    assert ways(found) == [("onnx", "int8", 1)]
    assert found["engines"][0]["agreement"] > 0.8  # the original is the built-in model
    assert (found["input_sizes"], found["torch_forms"]) == ([], [])
    assert found["pipeline"]["engine"] == "onnx int8"
    wrong(cli, demo_clip, "--model", bundle, "--backend", "openvino", says="is a bundle for onnx")
    card = json.loads((bundle / "card.json").read_text())
    card["bundle"]["weights_sha256"] = "0" * 64
    (bundle / "card.json").write_text(json.dumps(card))
    settings = from_options({"source": str(demo_clip), "model": str(bundle)})
    made_plan = plan.make_plan(settings, tmp_path, progress=False, say=lambda _: None)
    assert made_plan.reference is None  # the built-in model is another one
