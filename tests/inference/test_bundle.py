"""Bundles: what is written is read again, and what is not as it was written is said."""

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamcls.errors import ModelSettingsError, OutputError, OutputPathError
from streamcls.inference.bundle import (
    Made,
    check_labels_file,
    is_bundle,
    read_bundle,
    read_report,
    write_bundle,
)
from tests.inference.networks import card

CARD = card(3)


def make(folder: Path) -> Made:
    (folder / "model.xml").write_text("<net/>")
    (folder / "model.bin").write_bytes(b"weights")
    return Made(folder / "model.xml", "int8", {"top1_agreement": 0.99})


def write(
    folder: Path,
    make: Callable[[Path], Made] = make,
    *,
    overwrite: bool = False,
) -> None:
    write_bundle(
        folder,
        make,
        card=CARD,
        engine="openvino",
        model="resnet18",
        overwrite=overwrite,
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write(tmp_path / "models" / "b")
    return tmp_path / "models" / "b"


def change(folder: Path, **fields: object) -> None:
    """Fields of the bundle within its card; None takes one away."""
    path = folder / "card.json"
    whole: dict[str, Any] = json.loads(path.read_text())
    about = whole["bundle"] | fields
    whole["bundle"] = {name: value for name, value in about.items() if value is not None}
    path.write_text(json.dumps(whole))


def test_what_was_written_is_read(bundle: Path) -> None:
    assert is_bundle(bundle)
    found = read_bundle(bundle)
    assert (found.engine, found.precision, found.model) == ("openvino", "int8", "resnet18")
    assert (found.folder, found.file) == (bundle, bundle / "model.xml")
    for name in CARD.__slots__:
        assert getattr(found.card, name) == getattr(CARD, name), name
    assert read_report(bundle) == {"top1_agreement": 0.99}
    assert (bundle / "labels.txt").read_text() == "0\n1\n2\n"
    check_labels_file(found)
    names = {"model.xml", "model.bin", "card.json", "labels.txt", "report.json"}
    assert {path.name for path in bundle.iterdir()} == names
    assert list(bundle.parent.iterdir()) == [bundle]


def test_others_may_read_it_as_far_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "b")
    finally:
        os.umask(before)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750


def test_a_model_folder_and_other_folders_are_no_bundles(tmp_path: Path) -> None:
    assert not is_bundle(tmp_path / "none")
    assert not is_bundle(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({"arch": "resnet18"}))
    assert not is_bundle(tmp_path)


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_a_file_that_changed(name: str, bundle: Path) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[-1] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(ModelSettingsError) as raised:
        read_bundle(bundle)
    said = f"{bundle / name}: not the file that was exported; export the model again"
    assert str(raised.value) == said


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_a_file_that_is_missing(name: str, bundle: Path) -> None:
    (bundle / name).unlink()
    with pytest.raises(ModelSettingsError) as raised:
        read_bundle(bundle)
    assert str(raised.value) == f"{bundle / name}: missing; export the model again"


@pytest.mark.parametrize(
    "fields",
    [
        {"engine": None},
        {"precision": None},
        {"model": None},
        {"weights_sha256": None},
        {"files": None},
        {"files": ["model.xml"]},
        {"files": {}},
        {"engine": "tensorrt"},
        {"precision": "int4"},
    ],
    ids=str,
)
def test_a_card_that_is_wrong(fields: dict[str, object], bundle: Path) -> None:
    change(bundle, **fields)
    with pytest.raises(ModelSettingsError, match=r"card\.json: ") as raised:
        read_bundle(bundle)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("about", [None, "text", 3, []], ids=str)
def test_a_card_whose_bundle_is_no_object(about: object, bundle: Path) -> None:
    whole = json.loads((bundle / "card.json").read_text())
    (bundle / "card.json").write_text(json.dumps(whole | {"bundle": about}))
    with pytest.raises(ModelSettingsError, match="not the card of a bundle"):
        read_bundle(bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00"], ids=str)
def test_a_card_that_can_not_be_read(content: bytes, bundle: Path) -> None:
    (bundle / "card.json").write_bytes(content)
    with pytest.raises(ModelSettingsError, match=r"card\.json: not a model card"):
        is_bundle(bundle)
    with pytest.raises(ModelSettingsError, match=r"card\.json: not a model card"):
        read_bundle(bundle)


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "sub/model.xml"])
def test_a_card_does_not_lead_out_of_its_folder(name: str, bundle: Path) -> None:
    (bundle / "sub").mkdir()
    (bundle / "sub" / "model.xml").write_text("")
    change(bundle, files={name: "0" * 64})
    with pytest.raises(ModelSettingsError, match="missing"):
        read_bundle(bundle)


def test_labels_that_are_not_those_of_the_card(bundle: Path) -> None:
    (bundle / "labels.txt").write_text("0\n2\n1\n")
    with pytest.raises(ModelSettingsError, match=r"labels\.txt: not the labels of the card"):
        check_labels_file(read_bundle(bundle))


@pytest.mark.parametrize("content", [None, "no json", "[1]"], ids=str)
def test_a_report_is_not_needed(content: str | None, bundle: Path) -> None:
    (bundle / "report.json").unlink()
    if content is not None:
        (bundle / "report.json").write_text(content)
    assert read_report(bundle) == {}
    read_bundle(bundle)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()], ids=repr)
def test_what_making_raises_leaves_nothing(error: BaseException, tmp_path: Path) -> None:
    def fail(folder: Path) -> Made:
        make(folder)
        raise error

    with pytest.raises(type(error)):
        write(tmp_path / "b", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> Made:
        make(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError) as raised:
        write(tmp_path / "b", fill)
    assert str(raised.value) == f"{tmp_path / 'b'}: No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"/file/b: File exists$"):
        write(tmp_path / "file" / "b")
    with pytest.raises(OutputError, match=r"/file/sub/b: Not a directory$"):
        write(tmp_path / "file" / "sub" / "b")


def test_a_bundle_is_replaced_only_on_demand(bundle: Path) -> None:
    def other(folder: Path) -> Made:
        (folder / "model.onnx").write_text("other")
        return Made(folder / "model.onnx", "int8", {})

    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    with pytest.raises(OutputError):
        write(bundle, other)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    write(bundle, other, overwrite=True)
    assert read_bundle(bundle).file.name == "model.onnx"
    assert not (bundle / "model.xml").exists()
    assert list(bundle.parent.iterdir()) == [bundle]


def test_when_the_new_one_fails_the_old_one_stays(bundle: Path) -> None:
    def fail(_: Path) -> Made:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write(bundle, fail, overwrite=True)
    assert read_bundle(bundle).engine == "openvino"


def test_what_a_killed_export_left_is_cleared_after_a_day(tmp_path: Path) -> None:
    """And nothing else that is beside it, as a folder of notes or a link to nowhere."""
    names = (".made.streamcls-old", ".made.streamcls-new", ".made-notes", ".mine.streamcls-old")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.bin").write_bytes(b"half")
    (tmp_path / ".made.streamcls-link").symlink_to("nowhere")
    long_ago_s = time.time() - 2 * 86_400
    for name in set(names) - {".made.streamcls-new"}:
        os.utime(tmp_path / name, (long_ago_s, long_ago_s))
    write(tmp_path / "made")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".made-notes",
        ".made.streamcls-link",
        ".made.streamcls-new",
        ".mine.streamcls-old",
        "made",
    ]


@pytest.mark.parametrize("name", ["original.pth", "photos"])
def test_what_does_not_belong_to_it_is_not_replaced(name: str, bundle: Path) -> None:
    (bundle / name).mkdir()
    with pytest.raises(OutputPathError, match=f"{name}: does not belong to the bundle"):
        write(bundle, overwrite=True)
    assert (bundle / name).is_dir()
    assert read_bundle(bundle).engine == "openvino"
    assert list(bundle.parent.iterdir()) == [bundle]


def test_one_that_can_not_be_put_there_leaves_the_old_one(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OutputError, match="Input/output error"):
        write(bundle, overwrite=True)
    assert read_bundle(bundle).engine == "openvino"
    assert list(bundle.parent.iterdir()) == [bundle]


def test_by_a_link_or_from_inside_the_folder_itself_is_replaced(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(bundle)
    write(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    monkeypatch.chdir(bundle)
    write(Path(), overwrite=True)
    assert read_bundle(bundle).engine == "openvino"


@pytest.mark.parametrize("field", ["resize", "labels", "input_size", "mean"])
def test_a_card_that_was_changed(field: str, bundle: Path) -> None:
    path = bundle / "card.json"
    whole = json.loads(path.read_text())
    whole[field] = [0.1] * 3 if field == "mean" else whole[field] * 2
    path.write_text(json.dumps(whole))
    with pytest.raises(ModelSettingsError) as raised:
        read_bundle(bundle)
    assert str(raised.value) == f"{path}: not the card that was exported; export the model again"


def test_of_two_at_once_the_second_is_said(tmp_path: Path) -> None:
    def slow(folder: Path) -> Made:
        write(tmp_path / "b")  # meanwhile
        return make(folder)

    with pytest.raises(OutputError, match="another process has just written it; --overwrite"):
        write(tmp_path / "b", slow)
    assert read_bundle(tmp_path / "b").engine == "openvino"
    assert list(tmp_path.iterdir()) == [tmp_path / "b"]
