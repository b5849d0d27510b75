"""Settings files that people and disks spoil: seeded mutations of the examples."""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

CONFIGS = sorted((Path(__file__).parent.parent.parent / "configs").glob("*.yaml"))
_VALUES = (
    *(
        "null",
        "yes",
        "5",
        "-1",
        "1e400",
        ".nan",
        ".inf",
        "9" * 5000,
        "0x" + "f" * 400,
        "2024-13-45",
    ),
    *("2024-01-01", "1:30:00", "0123", "''", "[]", "{}", "[[]]", "{a: {b: c}}", "!!binary abc"),
    *("!!set {a, b}", "!!int x", "!!python/object/apply:os.getcwd []", "*nothing", "&a [*a]"),
    *("${HOME}", "${NOT_SET}", "5 parsecs", "10 min utes", "5XB", "-", "|", "'\\u0000'", '"\\x00"'),
    *("\ttab", "@x", "%x", "`x`", "a: b: c", "[1, 2", "{a: 1", "'open", "ü\u2028", "=", "<<"),
)
Mutation = Callable[[random.Random, list[str]], None]


def _some(chance: random.Random, lines: list[str]) -> int:
    """The number of a line with a key, where there is one left."""
    with_keys = [n for n, line in enumerate(lines) if re.match(r"\s*(- )?[\w ]+:", line)]
    return chance.choice(with_keys or [0])


def _delete(chance: random.Random, lines: list[str]) -> None:
    lines[_some(chance, lines)] = ""


def _double(chance: random.Random, lines: list[str]) -> None:
    lines.insert(chance.randrange(len(lines)), lines[_some(chance, lines)])


def _indent(chance: random.Random, lines: list[str]) -> None:
    n = _some(chance, lines)
    lines[n] = chance.choice([" ", "  ", "\t", "    ", "- "]) + lines[n]


def _dedent(chance: random.Random, lines: list[str]) -> None:
    n = _some(chance, lines)
    lines[n] = lines[n].lstrip(" -") if chance.random() < 0.5 else lines[n][1:]


def _swap_value(chance: random.Random, lines: list[str]) -> None:
    n = _some(chance, lines)
    lines[n] = f"{lines[n].partition(':')[0]}: {chance.choice(_VALUES)}"


def _misspell(chance: random.Random, lines: list[str]) -> None:
    n = _some(chance, lines)
    at = chance.randrange(max(1, lines[n].find(":") + 1))
    lines[n] = lines[n][:at] + chance.choice(["", "x", "_", "Q", "é"]) + lines[n][at + 1 :]


def _new_key(chance: random.Random, lines: list[str]) -> None:
    n = _some(chance, lines)
    indent = lines[n][: len(lines[n]) - len(lines[n].lstrip())]
    key = chance.choice(
        ["1", "null", "[a, b]", "? {a: b}\n", "<<", "~", "fps", "model", "zzz", "''"]
    )
    lines.insert(n, f"{indent}{key}: {chance.choice(_VALUES)}")


def _unit(chance: random.Random, lines: list[str]) -> None:
    n = _some(chance, lines)
    unit = chance.choice(["sec", "Mb/s", " ", "k", "mins"])
    lines[n] = re.sub(r"(\d)(ms|s|m|h|d|MB|GB)\b", rf"\1{unit}", lines[n])


def _cut(chance: random.Random, lines: list[str]) -> None:
    del lines[chance.randrange(1, len(lines) + 1) :]
    lines.append(chance.choice(["", "  - ", "x", "{", "'", "---", "..."]))


_MUTATIONS: tuple[Mutation, ...] = (
    *(_delete, _double, _indent, _dedent, _swap_value, _swap_value, _misspell, _new_key, _unit),
    _cut,
)


def malformed(count: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of files, the same each time."""
    for number in range(count):
        chance = random.Random(number)
        file = chance.choice(CONFIGS)
        lines = file.read_text().splitlines()
        used = [chance.choice(_MUTATIONS) for _ in range(chance.randint(1, 4))]
        for mutate in used:
            mutate(chance, lines)
        data = "\n".join(lines).encode()
        if chance.random() < 0.1:
            data = _bytes(chance, data)
        names = "-".join(mutate.__name__.strip("_") for mutate in used)
        yield f"{number}-{file.stem}-{names}", data


def _bytes(chance: random.Random, data: bytes) -> bytes:
    """Broken, or in another encoding."""
    at = chance.randrange(len(data) + 1)
    noise = chance.randbytes(chance.randint(1, 20))
    return chance.choice(
        [data[:at] + noise + data[at:], data[:at], data.decode().encode("utf-16"), noise, b"\0" * 9]
    )
