"""What an export decides before and while it measures; for real it is in integration."""

from dataclasses import replace
from pathlib import Path

import pytest

from streamcls.builders.backend import lasting_name
from streamcls.config.options import from_options
from streamcls.errors import AgreementError, OutputPathError
from streamcls.export import make
from streamcls.export.make import Measured, _first_good, export
from streamcls.export.pictures import Pictures
from streamcls.inference.agreement import Agreement
from tests.inference.networks import random_network

GOOD = Measured("onnx", "fp32", "clip.mp4", 0, Agreement(50, 1.0, 0.0), None, None, 2, 1, 2, 1)


def chosen(shares: dict[str, float], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """What is taken where each precision gives the same label to such a share of pictures."""

    def write(_from: object, _engine: str, *more: object) -> Path:
        place = more[-1]
        assert isinstance(place, Path)
        (place / "model.onnx").touch()
        return place / "model.onnx"

    def measure(
        _network: object, _file: Path, _engine: str, precision: str, _on: object
    ) -> Measured:
        return replace(GOOD, precision=precision, agreement=Agreement(50, shares[precision], 0.0))

    monkeypatch.setattr("streamcls.inference.conversion.convert", write)
    monkeypatch.setattr("streamcls.inference.quantization.quantize", write)
    monkeypatch.setattr(make, "measure", measure)
    network, pictures = random_network("squeezenet1_1", side=64), Pictures("clip.mp4", [], [], [])
    (folder / "new").mkdir()
    file, found = _first_good(network, "onnx", list(shares), pictures, folder / "new", None)
    assert file.exists()
    return found


def test_precisions_that_differ_too_much_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = chosen({"int8": 0.5, "bf16": 0.98, "fp32": 1.0}, tmp_path, monkeypatch)
    assert found.precision == "fp32"
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(",")[0] for line in said] == [
        "onnx int8 gives the original's label to 50.0% of 50 pictures",
        "onnx bf16 gives the original's label to 98.0% of 50 pictures",
    ]


def test_the_last_one_is_the_error_and_nothing_else_is_said_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AgreementError, match=r"onnx int8 .* less than --min-agreement 0\.9;"):
        chosen({"int8": 0.89}, tmp_path, monkeypatch)
    assert caplog.records == []


@pytest.mark.parametrize("place", ["file/b", "file/sub/b"])
def test_a_folder_that_can_not_be_made_is_said_before_anything_is_loaded(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "load_network", lambda *_, **__: pytest.fail("loaded"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputPathError, match=f"{place}: can't be made there: Not a directory"):
        export(
            from_options({"source": "pictures", "model": "demo"}),
            tmp_path / place,
            calibrate=False,
            min_agreement=None,
            overwrite=False,
            progress=False,
        )


def test_a_folders_name_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "card.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert lasting_name("own") == str(tmp_path / "own")
    assert (lasting_name("demo"), lasting_name("resnet18")) == ("demo", "resnet18")
