"""A settings file's values, and the line on which each of its keys stands."""

from pathlib import Path
from typing import Any, TypeAlias

import yaml

from streamcls.errors import SettingsError

_KEYS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")
Where: TypeAlias = tuple[str, ...]  # the keys from the top of the settings to a value


def load(file: Path) -> tuple[dict[str, Any], dict[Where, int]]:
    """Reads YAML.

    Raises:
        SettingsError: it can't be read, is not YAML, or says a thing twice; with the line.
    """
    lines: dict[Where, int] = {}
    try:
        text = file.read_text(encoding="utf-8")
        values = yaml.safe_load(text)
        _find_lines(yaml.compose(text, yaml.SafeLoader), (), lines, file)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not a text file in UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise SettingsError(
            f"{file}{line}: not YAML: {getattr(error, 'problem', error)}"
        ) from error
    except RecursionError as error:
        raise SettingsError(f"{file}: a group in it holds itself") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{file}:1: no settings; a file has keys like `source: clip.mp4`")
    return values, lines


def _find_lines(node: yaml.Node | None, where: Where, lines: dict[Where, int], file: Path) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        inner = (*where, str(key.value))
        line = key.start_mark.line + 1
        if key.tag not in _KEYS:
            raise SettingsError(f"{file}:{line}: {'.'.join(inner)}: a key has to be text")
        if inner in lines:
            raise SettingsError(
                f"{file}:{line}: {'.'.join(inner)}: stands twice, first on line {lines[inner]}"
            )
        lines[inner] = line
        _find_lines(value, inner, lines, file)
