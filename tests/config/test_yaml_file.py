from pathlib import Path

import pytest

from streamcls.config.options import from_options
from streamcls.errors import SettingsError
from tests.config.mistakes import mistakes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source: [1", "1: not YAML"),
        ("- a\n", "1: no settings"),
        ("", "1: no settings"),
        ("source: a\nsource: b\n", "2: source: stands twice, first on line 1"),
        ("source: a\nsample:\n  every: 2\n  every: 3\n", "4: sample.every: stands twice"),
    ],
)
def test_files_that_are_no_settings(text: str, expected: str, tmp_path: Path) -> None:
    assert mistakes(text, tmp_path)[0].startswith(expected)


def test_a_missing_or_binary_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no\.yaml: No such file"):
        from_options({}, tmp_path / "no.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not a text file in UTF-8"):
        from_options({}, tmp_path / "b.yaml")


@pytest.mark.parametrize("key", ["null", "true", "1"])
def test_keys_are_text(key: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(f"source: a.mp4\n{key}: 5\n")
    with pytest.raises(SettingsError, match=f"s.yaml:2: {key}: a key has to be text"):
        from_options({}, tmp_path / "s.yaml")
