"""Whatever a file holds: it is loaded, or one error says where it is wrong; quickly."""

import re
import time
import traceback
from pathlib import Path

import pytest

from streamcls.config.plant_file import read_settings
from streamcls.errors import SettingsError
from tests.config.malformed import malformed
from tests.config.test_configs import VARIABLES
from tests.conftest import Cli

FILES = list(malformed(200))


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "geheim")
    monkeypatch.delenv("NOT_SET", raising=False)


def refused(data: bytes, folder: Path) -> list[str]:
    """What is said of a file, or nothing."""
    file = folder / "s.yaml"
    file.write_bytes(data)
    try:
        read_settings(file, {})
    except SettingsError as error:
        lines = str(error).splitlines()
        assert lines
        for line in lines:
            located = re.match(rf"{re.escape(str(file))}(:\d+)?: \S", line)
            assert located or line.startswith("SOURCE: missing"), line
            assert len(line) < 600
            assert line.isprintable()
            assert "geheim" not in line
        numbers = [int(n[1]) for line in lines if (n := re.match(r".*?s\.yaml:(\d+):", line))]
        assert numbers == sorted(numbers)
        return lines
    return []


@pytest.mark.parametrize("data", [data for _, data in FILES], ids=[name for name, _ in FILES])
def test_a_spoilt_file_is_loaded_or_refused_with_the_place(data: bytes, tmp_path: Path) -> None:
    refused(data, tmp_path)


def test_most_of_them_are_refused(tmp_path: Path) -> None:
    """Or they would show nothing."""
    assert sum(bool(refused(data, tmp_path)) for _, data in FILES) > 120


def test_the_command_line_says_it_without_a_traceback(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    for name, data in FILES[::8]:
        if refused(data, tmp_path):
            done = cli("run", "--config", file)
            assert done.code == 2, name
            assert "Traceback" not in done.err
            assert "geheim" not in done.err
            assert all(line for line in done.err.splitlines())


@pytest.mark.parametrize(
    "text", ["password: *geheim", "password: [geheim]", "password: {geheim: 1"]
)
def test_not_even_the_log_quotes_a_secret(text: str, tmp_path: Path) -> None:
    """Which has, with -vv, the error and those it came from."""
    file = tmp_path / "s.yaml"
    file.write_text(f"cameras:\n  - {{camera: a, source: '0'}}\nmqtt:\n  host: h\n  {text}\n")
    with pytest.raises(SettingsError) as raised:
        read_settings(file, {})
    assert "geheim" not in "".join(traceback.format_exception(raised.value))


def _laughs(levels: int) -> bytes:
    """Every level is nine times the one before."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def _merged_laughs(levels: int) -> bytes:
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_laughs(12), "20,000 values"),
        (_merged_laughs(12), "20,000 values"),
        (b"x: &a {" + b"k: 1, " * 9000 + b"}\ny: [" + b"*a, " * 9000 + b"]", "20,000 values"),
        (b"source: a\nx: " + b"[" * 100_000, "2: nested too deeply"),
        (b"source: a\nx: " + b"{a: " * 100_000, "2: nested too deeply"),
        (b"source: a\n" + b"- " * 100_000, "not YAML"),
        (b"source: a\nx:\n" + b"- " * 100_000, "3: nested too deeply"),
        (b"source: a\nx: [" + b"1," * 450_000 + b"]", "20,000 values"),
        (b"a" * 1_000_001, "larger than 1 MB"),
        (b"source: a\nx: &x [*x]", "2: a group in it holds itself"),
        (b"source: a\nx: &x {<<: *x}", "2: a group in it holds itself"),
        (b"&r\nsource: a\nx: *r", "a group in it holds itself"),
        (b"source: a\nx: \0", "2: not YAML: a character that is no text"),
        (b"source: a\n--- \nsource: b\n", "2: not YAML: expected a single document"),
        (b"source: a\n\tx: 1", "2: not YAML: a tab; indent with spaces"),
        ("source: ä".encode("utf-16"), "not a text file in UTF-8"),
        (b"source: \xe4", "not a text file in UTF-8"),
        (b"", "1: no settings"),
        (b"# nothing\n", "1: no settings"),
        (b"- source: a\n", "1: no settings"),
        (b"text", "1: no settings"),
        (b"source: a\n? [a, b]\n: c\n", "2: […]: a key has to be text"),
        (b"source: a\n<<: 5\n", "2: <<: should be the alias of a group of keys: *name"),
        (b"source: a\nzzz: !!set {a, b}\n", "2: zzz: tags like !!set or !name have no meaning"),
        (b"source: a\n? " + b"k" * 900_000 + b"\n: 1\n", "2: " + "k" * 60 + "…: unknown key"),
    ],
    ids=lambda value: str(value[:30]),
)
def test_files_that_are_meant_badly(data: bytes, said: str, tmp_path: Path) -> None:
    begun_s = time.process_time()
    assert any(said in line for line in refused(data, tmp_path))
    assert time.process_time() - begun_s < 10


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        read_settings(tmp_path, {})
    with pytest.raises(SettingsError, match=r"none\.yaml: No such file"):
        read_settings(tmp_path / "none.yaml", {})
    with pytest.raises(SettingsError, match="larger than 1 MB"):
        read_settings(Path("/dev/zero"), {})


def test_many_defaults_for_many_cameras_end(tmp_path: Path) -> None:
    aliases = ", ".join(f"l{n}: a{n}" for n in range(2000))
    cameras = "\n".join(f"  - {{camera: c{n}, source: '0'}}" for n in range(500))
    text = f"defaults: {{postprocess: {{aliases: {{{aliases}}}}}}}\ncameras:\n{cameras}\n"
    begun_s = time.process_time()
    assert refused(text.encode(), tmp_path) == []
    assert time.process_time() - begun_s < 20
