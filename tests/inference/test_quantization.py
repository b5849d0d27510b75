"""int8: nearly the same labels, a quarter of the size, and nothing said."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from streamcls.errors import ModelSettingsError
from streamcls.inference.agreement import answers, compare
from streamcls.inference.onnx_backend import OnnxBackend
from streamcls.inference.openvino_backend import OpenVinoBackend
from streamcls.inference.quantization import quantize
from streamcls.inference.torchvision_models import Network
from streamcls.protocols import Backend
from tests.inference.networks import reference

every_engine = pytest.mark.parametrize("engine", ["onnx", "openvino"])


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def int8(file: Path, engine: str, *, batch: int) -> Backend:
    if engine == "onnx":
        return OnnxBackend(file, precision="int8", batch=batch, side=224, threads=1)
    return OpenVinoBackend(file, precision="int8", batch=batch, parallel=1, threads=1)


@pytest.mark.slow
@every_engine
def test_it_agrees_is_small_and_quiet(
    engine: str,
    imagenet: Network,
    converted: Mapping[str, Path],
    photographs: NDArray[np.uint8],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = quantize(converted[engine], engine, list(photographs), tmp_path)
    assert capfd.readouterr() == ("", "")
    assert file.parent == tmp_path
    assert size(tmp_path) < 0.3 * size(converted[engine].parent)
    expected = reference(imagenet, photographs)
    found = answers(int8(file, engine, batch=4), list(photographs), 4)
    assert not np.array_equal(found, expected)
    agreement = compare(expected, found)
    assert agreement.pictures == len(photographs)
    assert agreement.top1 >= 0.9
    assert 0 < agreement.mean_change < 0.1
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    one = answers(int8(file, engine, batch=1), list(photographs[:4]), 1)  # the batch is open
    np.testing.assert_array_equal(one.argmax(axis=1), found[:4].argmax(axis=1))


@every_engine
def test_what_can_not_be_quantised_is_one_line(engine: str, tmp_path: Path) -> None:
    wrong = tmp_path / ("model.onnx" if engine == "onnx" else "model.xml")
    wrong.write_bytes(b"no model")
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelSettingsError) as raised:
        quantize(wrong, engine, [np.zeros((64, 64, 3), np.uint8)], tmp_path / "out")
    text = str(raised.value)
    assert text.startswith(f"{wrong.name} can't be quantised by {engine}'s tool: ")
    assert text.endswith("; try --precision fp32")
    assert len(text.splitlines()) == 1


QUIET = """
import sys
from pathlib import Path
from streamcls.inference.conversion import convert
from streamcls.inference.made_up_pictures import probe_pictures
from streamcls.inference.quantization import quantize
from tests.inference.networks import random_network
out = Path(sys.argv[1])
(out / "int8").mkdir(parents=True)
file = convert(random_network("squeezenet1_1", side=64), "{engine}", out)
quantize(file, "{engine}", probe_pictures(4, 64), out / "int8")
assert sys.modules.get("openvino_telemetry") is None
"""


@pytest.mark.slow
@every_engine
def test_converting_and_quantising_print_nothing_and_report_nothing(
    engine: str, tmp_path: Path
) -> None:
    """In a process of its own, where all warnings are as they are for users."""
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", QUIET.format(engine=engine), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(home), "XDG_CACHE_HOME": str(home)},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not home.exists()
