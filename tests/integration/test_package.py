"""The built wheel, without this folder: the demo's data must be in it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import PROJECT


@pytest.mark.slow
def test_the_wheel_runs_the_demo(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    wheels, target = tmp_path / "wheels", tmp_path / "installed"
    copy = tmp_path / "copy"  # which gets the folders that building leaves behind
    shutil.copytree(PROJECT / "streamcls", copy / "streamcls")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy)
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(copy)]
    subprocess.run(build, check=True, cwd=tmp_path)
    (wheel,) = wheels.iterdir()
    names = zipfile.ZipFile(wheel).namelist()
    assert "streamcls/demo/model/weights.npz" in names
    assert "streamcls/py.typed" in names
    assert not [n for n in names if n.startswith(("tests/", "scripts/"))]
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "streamcls", "demo", "--out", "out"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("agreement: ")
    where = [sys.executable, "-c", "import streamcls; print(streamcls.__file__)"]
    found = subprocess.run(
        where,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
    )
    assert found.stdout.startswith(str(target))
