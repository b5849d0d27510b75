"""What is said of a settings file that is wrong."""

from pathlib import Path

import pytest

from streamcls.config.options import from_options
from streamcls.errors import SettingsError


def mistakes(text: str, tmp_path: Path, **given: object) -> list[str]:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        from_options(given, file)
    return [line.removeprefix(f"{file}:") for line in str(raised.value).splitlines()]
