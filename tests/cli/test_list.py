"""The list of commands is made without loading them; here it is compared with what they are."""

import subprocess
import sys
from pathlib import Path

import click

from streamcls import cli as module
from streamcls.cli import COMMANDS, cli

_NOT_COMMANDS = {
    "check_plant",
    "run_plant",
    "__init__",
    "bench_tables",
    "log",
    "run_live",
    "options",
    "report",
}


def test_every_command_is_in_the_list() -> None:
    files = {path.stem for path in Path(module.__file__).parent.glob("*.py")}
    assert set(COMMANDS) == files - _NOT_COMMANDS
    for name in COMMANDS:
        found = cli.get_command(click.Context(cli), name)
        assert found is not None
        assert found.name == name


def test_help_loads_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys; from streamcls.cli import main\n"
        "try: main()\n"
        "finally:\n"
        "    heavy = {'numpy', 'cv2', 'av', 'pydantic', 'torch', 'rich'} & set(sys.modules)\n"
        "    commands = {m for m in sys.modules if m.startswith('streamcls.cli.')}\n"
        "    print(sorted(heavy), *commands, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[] streamcls.cli.log"
    for name, text in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert text in done.stdout
