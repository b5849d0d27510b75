from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from streamcls.config.options import from_options
from streamcls.config.types import Rotation, with_variables
from streamcls.errors import SettingsError
from tests.config.mistakes import mistakes


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1h", Rotation(seconds=3600)),
        ("90s", Rotation(seconds=90)),
        ("30m", Rotation(seconds=1800)),
        ("30min", Rotation(seconds=1800)),
        ("1d", Rotation(seconds=86400)),
        ("1.5H", Rotation(seconds=5400)),
        (" 2 h ", Rotation(seconds=7200)),
        ("500MB", Rotation(bytes=500_000_000)),
        ("2GB", Rotation(bytes=2_000_000_000)),
        ("64kB", Rotation(bytes=64_000)),
        ("0.5 gb", Rotation(bytes=500_000_000)),
    ],
)
def test_files_are_rotated_by_time_or_size(given: str, expected: Rotation, tmp_path: Path) -> None:
    assert from_options({"source": "0", "rotate": given}).outputs.rotate == expected
    (tmp_path / "s.yaml").write_text(f"source: '0'\noutputs:\n  rotate: '{given}'\n")
    assert from_options({}, tmp_path / "s.yaml").outputs.rotate == expected


@pytest.mark.parametrize(
    "given",
    ["", "h", "90", "0h", "0MB", "-1h", "1h30m", "5 parsecs", "1e3s", "1,5h", "MB", "1G", "1h 1MB"],
)
def test_a_wrong_rotation_is_one_line_with_examples(given: str, tmp_path: Path) -> None:
    said = f"should be a time like 1h, 30m or 90s, or a size like 500MB, not {given!r}"
    with pytest.raises(SettingsError) as raised:
        from_options({"source": "0", "rotate": given})
    assert str(raised.value) == f"--rotate: {said}"
    text = f"source: '0'\noutputs:\n  rotate: '{given}'\n"
    assert mistakes(text, tmp_path) == [f"3: outputs.rotate: {said}"]


@pytest.mark.parametrize("given", ["90", "yes", "[1h]", "{hours: 1}"])
def test_a_rotation_is_text(given: str, tmp_path: Path) -> None:
    text = f"source: '0'\noutputs:\n  rotate: {given}\n"
    (found,) = mistakes(text, tmp_path)
    assert found.startswith("3: outputs.rotate")


def test_a_variable_of_the_environment_is_kept_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "geheim")
    address = "rtsp://anna:${CAM_PASSWORD}@10.0.0.7/cam"
    (tmp_path / "s.yaml").write_text(f"source: {address}\n")
    for settings in (from_options({"source": address}), from_options({}, tmp_path / "s.yaml")):
        assert settings.source == address
        for shown in (repr(settings), str(settings), settings.model_dump_json()):
            assert "geheim" not in shown
        assert with_variables(settings.source) == "rtsp://anna:geheim@10.0.0.7/cam"


def test_a_variable_that_is_not_set_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CAM_USER", "geheim")
    monkeypatch.delenv("CAM_PASSWORD", raising=False)
    address = "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.7/cam"
    with pytest.raises(SettingsError) as raised:
        from_options({"source": address})
    assert str(raised.value) == "SOURCE: the environment variable CAM_PASSWORD is not set"
    assert mistakes(f"camera: door\nsource: {address}\n", tmp_path) == [
        "2: source: the environment variable CAM_PASSWORD is not set"
    ]


def test_an_empty_variable_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "")
    settings = from_options({"source": "rtsp://anna:${CAM_PASSWORD}@h/"})
    assert with_variables(settings.source) == "rtsp://anna:@h/"


@pytest.mark.parametrize(
    ("secret", "quoted"),
    [
        ("a@b", "a%40b"),
        ("a/b", "a%2Fb"),
        ("a:b", "a%3Ab"),
        ("a?b#c&d", "a%3Fb%23c%26d"),
        ("100% ü", "100%25%20%C3%BC"),
        ("${OTHER}", "%24%7BOTHER%7D"),
        (r"\1\g<0>", "%5C1%5Cg%3C0%3E"),
        ("Plain-1.2_3~", "Plain-1.2_3~"),
    ],
)
def test_secrets_are_quoted_so_that_they_are_nothing_else_in_the_address(
    monkeypatch: pytest.MonkeyPatch, secret: str, quoted: str
) -> None:
    monkeypatch.setenv("CAM_PASSWORD", secret)
    monkeypatch.setenv("OTHER", "x")
    found = with_variables("rtsp://anna:${CAM_PASSWORD}@h/cam?p=${CAM_PASSWORD}&q=$HOME")
    assert found == f"rtsp://anna:{quoted}@h/cam?p={quoted}&q=$HOME"
    parts = urlsplit(found)
    assert parts.hostname == "h"
    assert unquote(parts.password or "") == secret


def test_an_address_without_variables_stays_as_it_is() -> None:
    address = "rtsp://anna:p%40ss$1@h/cam?a={b}&c=${}"
    assert with_variables(from_options({"source": address}).source) == address


def test_a_file_has_no_nul_in_its_name(tmp_path: Path) -> None:
    assert mistakes('source: a.mp4\noutputs: {csv: "a\\0b"}\n', tmp_path) == [
        "2: outputs.csv: should be the name of a file, without a NUL in it"
    ]


def test_names_of_regions_are_short_enough_for_files(tmp_path: Path) -> None:
    text = f"source: sim://\nregions: {{{'x' * 65}: [0, 0, 1, 1]}}\n"
    assert mistakes(text, tmp_path) == ["2: regions: should have no more than 64 characters"]
