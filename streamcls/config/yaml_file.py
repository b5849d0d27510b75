"""A settings file's values, where each of them stands, and all that is wrong with the YAML itself.

PyYAML finds the structure and the places; what becomes a value is decided here, since YAML 1.1 has
surprises for people: `0123` is octal, `1:30` is 90, `2024-01-01` a date. Here they are text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from streamcls.errors import SettingsError

# What no settings file has; without these a small file could fill the memory by its aliases.
_MAX_BYTES = 1_000_000
_MAX_VALUES = 20_000
_MAX_DEPTH = 20

Place: TypeAlias = tuple[str | int, ...]  # keys, and numbers in lists, from the top to a value
SECRETS = frozenset({"source", "password", "secret", "url"})
"""Keys whose values are never shown."""


class Spot(NamedTuple):
    """A place in the text; lines are counted from 1."""

    line: int
    column: int = 0


class Mistake(NamedTuple):
    """Something that is wrong, and where."""

    spot: Spot
    place: Place
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """What a file says: its values, the spots of their keys, and what is wrong with it as YAML."""

    file: Path
    values: dict[str, Any]
    spots: dict[Place, Spot]
    mistakes: list[Mistake]

    def mistake(self, place: Place, what: str) -> Mistake:
        """At a place, or where what it should be in begins."""
        near = next((place[:n] for n in range(len(place), 0, -1) if place[:n] in self.spots), ())
        return Mistake(self.spots.get(near, Spot(1)), place, what)

    def report(self, mistakes: Iterable[Mistake]) -> list[str]:
        """A line for each mistake, in the order of the file.

        What stands once and is used in many places by an alias is said once.
        """
        once: dict[object, Mistake] = {}
        for mistake in sorted(mistakes, key=lambda found: found.spot):
            once.setdefault((mistake.spot, mistake.place[-1:], mistake.what), mistake)
        return [
            f"{self.file}:{spot.line}: {dotted(place)}: {what}"
            for spot, place, what in once.values()
        ]


def dotted(place: Place) -> str:
    """A place as people write it: `cameras[2].sample.fps`; nothing below a secret is shown."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{_key(part)}"
        if part in SECRETS:
            break
    return text.removeprefix(".")


def _key(key: str) -> str:
    shown = key if key.isprintable() and key else repr(key)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def load(file: Path) -> Document:
    """Reads YAML.

    Raises:
        SettingsError: it can't be read, or not as a group of keys; with the line.
    """
    text = _text(file)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise SettingsError(f"{file}:1: no settings; a file has keys like `source: clip.mp4`")
        reader = _Reader(loader)
        values = reader.top(node)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SettingsError(f"{file}:{line}: not YAML: a character that is no text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        # Without the error, which quotes the line, and a password in it.
        raise SettingsError(f"{file}:{line}: not YAML: {_problem(error)}") from None
    except _Unbounded as error:
        raise SettingsError(f"{file}:{error}") from error
    return Document(file, values, reader.spots, reader.mistakes)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise SettingsError(f"{file}: larger than 1 MB, which no settings file is")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not a text file in UTF-8") from error


# What PyYAML says and people don't understand, by how it begins.
_PROBLEMS = {
    "expected <block end>": "indented otherwise than what stands above",
    "expected '<document start>'": "indented otherwise than what stands above",
    "mapping values are not allowed": "a `:` that makes no key; check indentation and quotes",
    "could not find expected ':'": "a key without `:`, or text that needs quotes",
    "found character '\\t'": "a tab; indent with spaces",
    "found character": "text that begins with such a character needs quotes",
    "found unexpected end of stream": "quotes that never end",
    # What these quote could be a password.
    "found undefined alias": "text that begins with * needs quotes, or there is no such anchor",
    "found duplicate anchor": "text that begins with & needs quotes, or the anchor is there twice",
    "found undefined tag": "text that begins with ! needs quotes",
}


def _problem(error: yaml.MarkedYAMLError) -> str:
    said = error.problem or "not understood"
    if said.startswith("but ") and error.context:
        said = f"{error.context}, {said}"
    return next((words for begin, words in _PROBLEMS.items() if said.startswith(begin)), said)


class _Unbounded(Exception):
    """More than a settings file has; says the line and what it is."""


class _Loader(yaml.SafeLoader):
    """Keeps where the items of lists stand, which is not where their anchors are."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.items: dict[tuple[yaml.Node, int], Spot] = {}
        self._depth = 0
        self._count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._depth += 1
        self._count += 1
        if self._depth > _MAX_DEPTH:
            raise _Unbounded(f"{mark.line + 1}: nested too deeply")
        if self._count > 2 * _MAX_VALUES:  # keys are counted here, too
            raise _Unbounded(f"{mark.line + 1}: more than {_MAX_VALUES:,} values")
        if isinstance(parent, yaml.SequenceNode):
            self.items[parent, index] = Spot(mark.line + 1, mark.column)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_TAG = "tag:yaml.org,2002:"
# Of what YAML would make something else of; quoted or not, they are text.
_TEXT = {f"{_TAG}{name}" for name in ("str", "timestamp", "value")}
_NO_TEXT = {f"{_TAG}{name}" for name in ("int", "float", "bool", "null")}
_TAGS = _TEXT | _NO_TEXT | {f"{_TAG}{name}" for name in ("map", "seq", "merge")}
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")


class _Reader:
    """Makes values of nodes, and collects spots and mistakes."""

    def __init__(self, loader: _Loader) -> None:
        self.spots: dict[Place, Spot] = {}
        self.mistakes: list[Mistake] = []
        self._loader = loader
        self._inside: list[yaml.Node] = []
        self._count = 0

    def top(self, node: yaml.MappingNode) -> dict[str, Any]:
        """All of the file."""
        return self._group(node, ())

    def _value(self, node: yaml.Node, place: Place) -> object:
        """What a node in it stands for."""
        self._enter(node)
        value: object
        if isinstance(node, yaml.MappingNode):
            value = self._group(node, place)
        elif isinstance(node, yaml.SequenceNode):
            value = self._list(node, place)
        else:
            value = self._scalar(node)
        if node.tag not in _TAGS:
            mark = Spot(node.start_mark.line + 1, node.start_mark.column)
            said = "tags like !!set or !name have no meaning here"
            self.mistakes.append(Mistake(mark, place, said))
        self._inside.pop()
        return value

    def _group(self, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        values = {}
        for key, (spot, inner) in self._pairs(node, place).items():
            self.spots[*place, key] = spot
            values[key] = self._value(inner, (*place, key))
        return values

    def _list(self, node: yaml.SequenceNode, place: Place) -> list[object]:
        values = []
        for index, inner in enumerate(node.value):
            self.spots[*place, index] = self._loader.items[node, index]
            values.append(self._value(inner, (*place, index)))
        return values

    def _enter(self, node: yaml.Node) -> None:
        self._count += 1 + (0 if isinstance(node, yaml.ScalarNode) else len(node.value))
        line = node.start_mark.line + 1
        if node in self._inside:
            raise _Unbounded(f"{line}: a group in it holds itself")
        if len(self._inside) > _MAX_DEPTH:
            raise _Unbounded(f"{line}: nested too deeply")
        if self._count > 2 * _MAX_VALUES:
            raise _Unbounded(f"{line}: more than {_MAX_VALUES:,} values, those of aliases counted")
        self._inside.append(node)

    def _pairs(self, node: yaml.MappingNode, place: Place) -> dict[str, tuple[Spot, yaml.Node]]:
        """The keys of a group, with those that `<<` brings and it does not say itself."""
        own: dict[str, tuple[Spot, yaml.Node]] = {}
        merged: dict[str, tuple[Spot, yaml.Node]] = {}
        for key, value in node.value:
            spot = Spot(key.start_mark.line + 1, key.start_mark.column)
            name = key.value if isinstance(key, yaml.ScalarNode) else "[…]"
            if key.tag == f"{_TAG}merge":
                merged = self._merged(value, (*place, name)) | merged
            elif name in own:
                said = f"stands twice, first on line {own[name][0].line}"
                self.mistakes.append(Mistake(spot, (*place, name), said))
            elif key.tag not in _TEXT:
                said = "a key has to be text; put it into quotes"
                self.mistakes.append(Mistake(spot, (*place, name), said))
            else:
                own[name] = (spot, value)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, place: Place) -> dict[str, tuple[Spot, yaml.Node]]:
        """What `<<` brings: the keys of a group, or of several, of which the first counts."""
        groups = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, tuple[Spot, yaml.Node]] = {}
        for group in groups:
            if not isinstance(group, yaml.MappingNode):
                spot = Spot(node.start_mark.line + 1, node.start_mark.column)
                said = "should be the alias of a group of keys: *name"
                self.mistakes.append(Mistake(spot, place, said))
                continue
            self._enter(group)
            found = self._pairs(group, place[:-1]) | found
            self._inside.pop()
        return found

    def _scalar(self, node: yaml.Node) -> object:
        text = str(node.value)
        if node.tag == f"{_TAG}int" and not _DECIMAL.fullmatch(text):
            return text
        try:
            return self._loader.construct_object(node) if node.tag in _NO_TEXT else text
        except (ValueError, LookupError, ArithmeticError):
            return text  # not what its tag says
