"""Which engine and precision a model gets, and what is said where they don't go together."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from streamcls.builders import backend as networks
from streamcls.builders import model as models
from streamcls.builders.backend import ConversionError, Work
from streamcls.builders.model import describe_model, load_classifier
from streamcls.config.settings import ModelSettings
from streamcls.errors import (
    MissingPackageError,
    ModelSettingsError,
    OutputError,
    SettingsError,
)
from streamcls.inference import bundle, cache, engines
from streamcls.inference.classifier import ImageClassifier
from streamcls.inference.conversion import convert
from streamcls.inference.torchvision_models import Network
from tests.builders.conftest import SIDE

WORK = Work(1, 1)

Load = Callable[..., ImageClassifier]
Engines = Callable[..., None]


@pytest.fixture(scope="module")
def load(weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Load:
    """A small plain model: load(backend="onnx", ...); all of this module share one cache."""
    home = tmp_path_factory.mktemp("home")

    def loaded(*, progress: bool = False, **options: object) -> ImageClassifier:
        settings = ModelSettings.model_validate(
            {"name": "squeezenet1_1", "weights": weights_file, "input_size": SIDE} | options
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(networks, "_PROBES", 4)
            patch.setattr(cache, "cache_folder", lambda: home)
            return load_classifier(settings, WORK, progress=progress)

    return loaded


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the small model for ONNX Runtime."""
    folder = tmp_path_factory.mktemp("bundles") / "b"

    def make(inside: Path) -> bundle.Made:
        return bundle.Made(convert(network, "onnx", inside), "fp32", {})

    bundle.write_bundle(
        folder,
        make,
        card=network.card,
        engine="onnx",
        model="squeezenet1_1",
    )
    return folder


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Engines:
    """Leaves torch and the engines named: only("onnx", bf16=("torch",))."""

    def left(*names: str, bf16: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr(engines, "installed", lambda e: e in (*names, "torch"))
        monkeypatch.setattr(engines, "has_bf16", lambda e: e in bf16)

    return left


def report_bf16(monkeypatch: pytest.MonkeyPatch, agreement: float | None) -> None:
    """What the report of every converted model says of bfloat16."""
    report = {} if agreement is None else {"bf16_agreement": agreement}
    monkeypatch.setattr(bundle, "read_report", lambda _: report)


# -- engines


@pytest.mark.parametrize(
    ("installed", "name", "why"),
    [
        (("openvino", "onnx"), "openvino fp32", "the fastest engine installed"),
        (("onnx",), "onnx fp32", "the fastest engine installed"),
        ((), "torch fp32", "no faster engine is installed"),
    ],
    ids=str,
)
def test_auto_takes_the_fastest_and_says_so(
    installed: tuple[str, ...], name: str, why: str, load: Load, only: Engines
) -> None:
    only(*installed)
    found = load()
    assert (found.backend_name, found.choice) == (name, why)


@pytest.mark.parametrize("engine", ["openvino", "onnx", "torch"])
def test_an_engine_by_name(engine: str, load: Load, only: Engines) -> None:
    only("openvino", "onnx")
    found = load(backend=engine)
    assert (found.backend_name, found.choice) == (f"{engine} fp32", "as asked for")


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_a_missing_engine_by_name(engine: str, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingPackageError, match=rf"pip install 'streamcls\[{engine}\]'$"):
        load(backend=engine)


# -- precisions


@pytest.mark.parametrize(
    ("agreement", "name", "why"),
    [
        (1.0, "openvino bf16", "; bf16 gave the same label to 100.0% of test pictures"),
        (0.99, "openvino bf16", "; bf16 gave the same label to 99.0% of test pictures"),
        (0.9899, "openvino fp32", "; bf16 gave the same label to only 99.0% of test pictures"),
        (0.5, "openvino fp32", "; bf16 gave the same label to only 50.0% of test pictures"),
        (None, "openvino fp32", ""),
    ],
)
def test_auto_takes_bf16_only_where_it_was_measured_to_agree(
    agreement: float | None,
    name: str,
    why: str,
    load: Load,
    only: Engines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only("openvino", bf16=("openvino",))
    report_bf16(monkeypatch, agreement)
    found = load()
    assert (found.backend_name, found.choice) == (name, f"the fastest engine installed{why}")


def test_auto_does_not_take_bf16_where_the_cpu_has_none(
    load: Load, only: Engines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where machines share a cache."""
    only("openvino")
    report_bf16(monkeypatch, 1.0)
    found = load()
    assert (found.backend_name, found.choice) == ("openvino fp32", "the fastest engine installed")
    assert not [r for r in caplog.records if r.levelname == "WARNING"]


def test_a_precision_by_name_needs_no_agreement(
    load: Load, only: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("openvino", bf16=("openvino",))
    report_bf16(monkeypatch, 0.5)
    assert load(precision="bf16").backend_name == "openvino bf16"
    report_bf16(monkeypatch, 1.0)
    assert load(precision="fp32").backend_name == "openvino fp32"


def test_for_bf16_auto_takes_an_engine_that_has_it(load: Load, only: Engines) -> None:
    only("onnx", bf16=("torch",))
    assert load(precision="bf16").backend_name == "torch bf16"


@pytest.mark.parametrize("engine", ["auto", "openvino", "onnx", "torch"])
def test_bf16_on_a_cpu_without_it(engine: str, load: Load, only: Engines) -> None:
    only("openvino", "onnx")
    used = "torch" if engine == "auto" else engine
    with pytest.raises(SettingsError) as raised:
        load(backend=engine, precision="bf16")
    assert str(raised.value) == f"--precision bf16: {used} can't compute in bf16 here"


@pytest.mark.parametrize("engine", ["auto", "openvino", "onnx", "torch"])
def test_a_plain_model_has_no_int8(engine: str, load: Load) -> None:
    with pytest.raises(SettingsError, match=r"streamcls export squeezenet1_1 --precision int8"):
        load(backend=engine, precision="int8")


# -- where a conversion fails


def failing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(models, "converted", fail)


FAILURES = {
    ConversionError("no equivalent"): "openvino can't run it",
    MissingPackageError("openvino is installed but can't be loaded"): "openvino can't run it",
    OutputError("/cache: Read-only file system"): "what is converted can't be kept",
}


@pytest.mark.parametrize(
    ("error", "why"), list(FAILURES.items()), ids=lambda one: type(one).__name__
)
def test_under_auto_it_runs_on_torch_with_a_warning(
    error: Exception,
    why: str,
    load: Load,
    only: Engines,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    only("openvino")
    failing(error, monkeypatch)
    found = load()
    assert (found.backend_name, found.choice) == ("torch fp32", why)
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert said == [f"{error}; it runs on torch instead, which is slower"]


@pytest.mark.parametrize("error", list(FAILURES), ids=lambda error: type(error).__name__)
def test_by_name_it_is_an_error(
    error: Exception, load: Load, only: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("openvino")
    failing(error, monkeypatch)
    with pytest.raises(type(error), match=str(error)):
        load(backend="openvino")


def test_a_model_that_is_wrong_is_an_error_under_auto_too(load: Load, only: Engines) -> None:
    only("openvino")
    with pytest.raises(ModelSettingsError, match="not the weights of resnet18"):
        load(name="resnet18")


# -- bundles


def from_bundle(folder: Path, **options: object) -> ImageClassifier:
    settings = ModelSettings.model_validate({"name": str(folder)} | options)
    return load_classifier(settings, WORK, progress=False)


@pytest.mark.parametrize(
    "options", [{}, {"backend": "onnx"}, {"precision": "fp32"}, {"input_size": SIDE}], ids=str
)
def test_a_bundle_runs_as_it_was_exported(options: dict[str, object], exported: Path) -> None:
    found = from_bundle(exported, **options)
    assert (found.backend_name, found.choice) == ("onnx fp32", "as exported")
    assert found.card.input_size == SIDE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"backend": "openvino"}, "--backend openvino: {} is a bundle for onnx in fp32"),
        ({"backend": "torch"}, "--backend torch: {} is a bundle for onnx in fp32"),
        ({"precision": "bf16"}, "--precision bf16: {} is a bundle for onnx in fp32"),
        ({"precision": "int8"}, "--precision int8: {} is a bundle for onnx in fp32"),
        ({"weights": "w.pth"}, "--weights: {} is a bundle, which has its own"),
        ({"input_size": 96}, "--input-size 96: {} is a bundle for 64 px; export another one"),
    ],
    ids=str,
)
def test_a_bundle_is_what_it_is(options: dict[str, object], said: str, exported: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        from_bundle(exported, **options)
    assert str(raised.value).startswith(said.format(exported))
    assert len(str(raised.value).splitlines()) == 1


def test_a_damaged_bundle_is_an_error(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    shutil.copytree(exported, folder)
    (folder / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelSettingsError, match=r"model\.onnx: not the file that was exported"):
        from_bundle(folder)


def test_a_bundle_whose_engine_is_missing(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'streamcls\[onnx\]'$"):
        from_bundle(exported)


def test_a_bundle_for_bf16_on_a_cpu_without_it_is_said(
    network: Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bundle.write_bundle(
        tmp_path / "b",
        lambda inside: bundle.Made(convert(network, "openvino", inside), "bf16", {}),
        card=network.card,
        engine="openvino",
        model="squeezenet1_1",
    )
    monkeypatch.setattr(engines, "has_bf16", lambda _: False)
    found = from_bundle(tmp_path / "b")
    assert (found.backend_name, found.choice) == ("openvino fp32", "this CPU has no bf16")
    assert "which this CPU can't compute; it runs slower" in caplog.text


# -- labels


@pytest.mark.parametrize("what", ["bundle", "onnx", "torch"])
def test_labels_can_be_given(
    what: str, load: Load, exported: Path, tmp_path: Path, only: Engines
) -> None:
    only("onnx")
    labels = tuple(f"class {number}" for number in range(1000))
    (tmp_path / "l.txt").write_text("\n".join(labels))
    given = {"labels": tmp_path / "l.txt"}
    found = from_bundle(exported, **given) if what == "bundle" else load(backend=what, **given)
    assert found.card.labels == labels
    again = from_bundle(exported) if what == "bundle" else load(backend=what)
    assert again.card.labels != labels


@pytest.mark.parametrize("what", ["bundle", "onnx", "torch"])
def test_labels_of_the_wrong_length(
    what: str, load: Load, exported: Path, tmp_path: Path, only: Engines
) -> None:
    only("onnx")
    (tmp_path / "l.txt").write_text("a\nb\n")
    given = {"labels": tmp_path / "l.txt"}
    with pytest.raises(ModelSettingsError, match=r"2 labels"):
        from_bundle(exported, **given) if what == "bundle" else load(backend=what, **given)


# -- what check says


def test_check_says_what_a_bundle_is(exported: Path) -> None:
    found = describe_model(ModelSettings(name=str(exported)))
    assert found == {
        "model": f"{exported} (squeezenet1_1, 1000 classes), a bundle made from squeezenet1_1",
        "runs on": "onnx in fp32",
    }


@pytest.mark.parametrize(("backend", "shown"), [("auto", "onnx"), ("torch", "torch")])
def test_check_says_which_engine_would_run(
    backend: str, shown: str, weights_file: Path, only: Engines
) -> None:
    only("onnx")
    settings = ModelSettings.model_validate(
        {"name": "squeezenet1_1", "weights": weights_file, "backend": backend}
    )
    assert describe_model(settings)["runs on"] == shown
