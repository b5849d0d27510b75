import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streamcls.inference import cache

Place = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Places of a converted model: place(weights=b"..."), and what else differs."""

    def of(
        *,
        engine: str = "openvino",
        weights: bytes = b"weights",
        model: str = "resnet18",
        side: int | None = None,
        labels: str | None = None,
        name: str = "w.pth",
    ) -> Path:
        (tmp_path / name).write_bytes(weights)
        file = tmp_path / "labels.txt"
        if labels is not None:
            file.write_text(labels)
        return cache.converted_folder(
            engine,
            tmp_path / name,
            model=model,
            side=side,
            labels=file if labels is not None else None,
        )

    return of


def test_it_is_where_the_system_keeps_such_things(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.cache_folder() == home / "streamcls"
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv("XDG_CACHE_HOME")
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", unset)
        monkeypatch.setenv("HOME", "/home/anna")
        assert cache.cache_folder() == Path("/home/anna/.cache/streamcls")


def test_the_same_model_has_one_place_whatever_its_file_is_called(place: Place, home: Path) -> None:
    assert place() == place() == place(name="other.pth")
    assert place().parent == home / "streamcls" / "models"
    assert place(labels="a\nb\n") == place(labels="a\nb\n")


@pytest.mark.parametrize(
    "other",
    [
        {"engine": "onnx"},
        {"weights": b"others"},
        {"model": "resnet34"},
        {"side": 160},
        {"side": 224},  # asked for, though it may be the model's own
        {"labels": "a\nb\n"},
    ],
    ids=str,
)
def test_another_model_or_option_has_another_place(other: dict[str, object], place: Place) -> None:
    assert place(**other) != place()


def test_other_labels_have_another_place(place: Place) -> None:
    assert place(labels="a\nb\n") != place(labels="a\nc\n")


def test_another_card_has_another_place(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "card.json").write_text('{"resize": 256}')
    before = place(model=str(folder))
    (folder / "card.json").write_text('{"resize": 232}')
    assert place(model=str(folder)) != before


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_another_version_of_the_engine_has_another_place(
    engine: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = place(engine=engine)
    monkeypatch.setattr(cache, "version", lambda name: f"99.0 of {name}")
    assert place(engine=engine) != before


def test_facts_are_kept() -> None:
    assert cache.recall("one") is None
    cache.remember("one", "1")
    cache.remember("two", "2")
    cache.remember("one", "11")
    assert (cache.recall("one"), cache.recall("two"), cache.recall("three")) == ("11", "2", None)


def test_a_fact_that_is_known_is_not_written_again(home: Path) -> None:
    cache.remember("one", "1")
    file = home / "streamcls" / "known.json"
    file.chmod(0o400)
    before = file.stat().st_ino
    cache.remember("one", "1")
    assert file.stat().st_ino == before
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"], ids=str)
def test_facts_that_can_not_be_read_are_none(content: bytes, home: Path) -> None:
    file = home / "streamcls" / "known.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert cache.recall("one") is None
    cache.remember("one", "1")
    assert json.loads(file.read_text()) == {"one": "1"}


def test_where_nothing_can_be_written_facts_are_forgotten(home: Path) -> None:
    home.touch()  # a file in place of the folder
    cache.remember("one", "1")
    assert cache.recall("one") is None


def test_a_write_that_fails_leaves_the_facts_and_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.remember("one", "1")

    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", fail)
    cache.remember("two", "2")
    assert [path.name for path in (home / "streamcls").iterdir()] == ["known.json"]
    assert (cache.recall("one"), cache.recall("two")) == ("1", None)
