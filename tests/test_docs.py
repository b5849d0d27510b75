"""What README and docs show is true: options, commands, examples, settings."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from streamcls.cli import cli as group
from streamcls.config.options import options
from streamcls.config.plant_file import read_settings

PROJECT = Path(__file__).parent.parent
DOCS = {
    path: path.read_text() for path in [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
}
ALL = "\n".join(DOCS.values())
COMMANDS = group.list_commands(click.Context(group))


def command(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_that_is_documented(name: str) -> None:
    text = command(name).help or ""
    examples = [line.strip() for line in text.splitlines() if line.strip().startswith("streamcls ")]
    assert examples
    for example in examples:
        assert example in ALL, f"not in README or docs: {example}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    page = DOCS[PROJECT / "docs" / "command-line.md"]
    section = page.split(f"\n## streamcls {name}\n")[1].split("\n## ")[0]
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            assert f"`{parameter.opts[-1]}" in section, f"{name} {parameter.opts[-1]}"


def test_the_table_of_settings_is_complete() -> None:
    page = DOCS[PROJECT / "docs" / "settings.md"]
    for option in options().values():
        row = f"| `{'.'.join(option.where)}` | `--{option.name.replace('_', '-')}` |"
        assert row in page, row


def test_links_lead_somewhere() -> None:
    for path, text in DOCS.items():
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_tests_that_the_docs_name_are_there() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", ALL)
    assert named
    for file, name in named:
        assert f"\ndef {name}(" in (PROJECT / "tests" / file).read_text(), f"{file}::{name}"


def test_modules_that_the_docs_name_are_there() -> None:
    """As `capture/live.py`, from the package, the tests or the project."""
    for path, text in DOCS.items():
        for name in re.findall(r"`((?:[a-z]+/)+[a-z0-9_]+\.py)`", text):
            places = (PROJECT / folder / name for folder in ("", "streamcls", "tests"))
            assert any(place.is_file() for place in places), f"{path.name}: {name}"


def test_settings_in_the_docs_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "geheim")
    for text in re.findall(r"```yaml\n(.*?)```", ALL, re.DOTALL):
        (tmp_path / "s.yaml").write_text(text)
        read_settings(tmp_path / "s.yaml", {})


def test_python_in_the_docs_runs(demo_clip: Path, tmp_path: Path) -> None:
    """Every block, in a folder with a clip.mp4 and a photo.jpg."""
    shutil.copy(demo_clip, tmp_path / "clip.mp4")
    frame = ["ffmpeg", "-v", "error", "-ss", "2", "-i", "clip.mp4", "-frames:v", "1", "photo.jpg"]
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    subprocess.run(frame, cwd=tmp_path, check=True)
    blocks = re.findall(r"```python\n(.*?)```", ALL, re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        assert done.stdout


def test_help_is_quick_to_read_and_has_all_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streamcls", "--help"], capture_output=True, text=True, check=True
    )
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


def test_the_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['streamcls', 'run', '--help']\n"
        "from streamcls.cli import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'cv2', 'av'} & set(sys.modules), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
