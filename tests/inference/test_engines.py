"""Which engines there are; packages are hidden, none is taken away."""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streamcls.errors import MissingPackageError
from streamcls.inference import engines

Hide = Callable[..., None]


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Hide:
    """Makes packages look as if they were not installed: hide("openvino", "nncf")."""
    real = importlib.util.find_spec

    def hidden(*names: str) -> None:
        def find(name: str, package: str | None = None) -> importlib.machinery.ModuleSpec | None:
            return None if name in names else real(name, package)

        monkeypatch.setattr(importlib.util, "find_spec", find)

    return hidden


@pytest.mark.parametrize(
    ("missing", "fastest"),
    [
        ((), "openvino"),
        (("onnxruntime",), "openvino"),
        (("openvino",), "onnx"),
        (("openvino", "onnxruntime"), "torch"),
    ],
    ids=str,
)
def test_the_fastest_that_is_installed(missing: tuple[str, ...], fastest: str, hide: Hide) -> None:
    hide(*missing)
    assert engines.fastest_installed() == fastest


@pytest.mark.parametrize(("engine", "package"), [("openvino", "openvino"), ("onnx", "onnxruntime")])
def test_one_that_is_missing_comes_with_its_extra(engine: str, package: str, hide: Hide) -> None:
    engines.require(engine)
    hide(package)
    with pytest.raises(MissingPackageError) as raised:
        engines.require(engine)
    assert str(raised.value) == (
        f"{engine}: {package} not installed; install with: pip install 'streamcls[{engine}]'"
    )
    assert isinstance(raised.value, ImportError)


@pytest.mark.parametrize(("engine", "package"), [("openvino", "nncf"), ("onnx", "onnx")])
def test_exporting_takes_another_package(engine: str, package: str, hide: Hide) -> None:
    engines.require(engine, export=True)
    hide(package)
    engines.require(engine)
    with pytest.raises(MissingPackageError, match=rf"{package} not installed.*\[{engine}\]'"):
        engines.require(engine, export=True)


def test_all_that_is_missing_is_said_at_once(hide: Hide) -> None:
    hide("openvino", "nncf")
    with pytest.raises(MissingPackageError, match="openvino and nncf not installed"):
        engines.require("openvino", export=True)


@pytest.mark.parametrize(
    ("capabilities", "expected"), [(["FP32", "BF16"], True), (["FP32"], False)]
)
def test_openvino_says_whether_it_computes_in_bf16(
    capabilities: list[str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamcls.inference import openvino_backend

    monkeypatch.setattr(openvino_backend, "capabilities", lambda: capabilities)
    assert engines.has_bf16("openvino") is expected


@pytest.mark.parametrize("expected", [True, False])
def test_torch_says_whether_the_cpu_computes_in_bf16(
    expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: expected)
    assert engines.has_bf16("torch") is expected


def test_onnx_runtime_has_no_bf16() -> None:
    assert not engines.has_bf16("onnx")


@pytest.mark.parametrize("module", ["openvino", "onnxruntime"])
def test_one_that_is_installed_and_broken(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{module}.py").write_text("raise ImportError('libtbb.so: wrong ELF class')")
    name = "onnx" if module == "onnxruntime" else module
    code = (
        "from pathlib import Path\n"
        "from streamcls.builders.backend import Work, engine_backend\n"
        f"engine_backend(Path('model'), {name!r}, 'fp32', 224, Work(1, 1))"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    kind, _, message = done.stderr.splitlines()[-1].partition(": ")
    assert kind == "streamcls.errors.MissingPackageError"
    assert message == (
        f"{name} is installed but can't be loaded (libtbb.so: wrong ELF class); "
        f"install it again: pip install --force-reinstall 'streamcls[{name}]'"
    )


def test_finding_the_fastest_imports_none() -> None:
    code = (
        "import sys\n"
        "from streamcls.inference.engines import fastest_installed, require\n"
        "require(fastest_installed(), export=True)\n"
        "print(sorted({'openvino', 'onnxruntime', 'torch', 'nncf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


QUIET = """
import sys, threading
from pathlib import Path
from {module} import *
assert sys.modules.get("openvino_telemetry") is None
assert threading.active_count() == 1
print(sorted(path.name for path in Path({home!r}).rglob("*")))
"""


@pytest.mark.parametrize("module", ["openvino_backend", "onnx_backend"])
def test_engines_do_not_report_to_their_makers(module: str, tmp_path: Path) -> None:
    """In a process of its own: no package for it, no identifier of the machine, no event."""
    code = QUIET.format(module=f"streamcls.inference.{module}", home=str(tmp_path))
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_who_wants_to_report_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    engines.silence_telemetry()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
