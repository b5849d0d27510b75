"""Keeps account of events: those that files say there were, against those that receivers got."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, get_args

from streamcls.records import State

_STATES = get_args(State)

# Type, camera, label or state, time.
Told: TypeAlias = tuple[str, str, str, str]


def recorded(files: Iterable[Path]) -> Counter[Told]:
    """What receivers should have been told, by the events files (.json) of cameras."""
    found: Counter[Told] = Counter()
    for path in files:
        for event in json.loads(path.read_text()):
            camera, label = event["camera"], event["label"]
            if event["kind"] == "label":
                found["start", camera, label, event["start_utc"]] += 1
                if event["end_utc"] is not None:
                    found["end", camera, label, event["end_utc"]] += 1
            elif label in _STATES:
                found["state", camera, label, event["start_utc"]] += 1
    return found


def told(message: Mapping[str, Any]) -> Told:
    """A message in the same terms."""
    what = message["state"] if message["type"] == "state" else message["label"]
    return message["type"], message["camera"], what, message["time_utc"]


def at_s(event: Told) -> float:
    """When it happened, since the epoch."""
    return datetime.fromisoformat(event[3]).timestamp()


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the events before a time at one receiver; each is received once by its id."""

    recorded: int
    received: int
    missing: list[Told]
    invented: list[Told]
    doubled: list[str]
    out_of_order: list[str]

    @property
    def is_right(self) -> bool:
        return not (self.missing or self.invented or self.doubled or self.out_of_order)


def account(
    messages: Sequence[Mapping[str, Any]],
    wanted: Counter[Told],
    *,
    before_s: float,
    unsure_s: Sequence[float] = (),
) -> Account:
    """Compares events before a time.

    `unsure_s` are moments at which the process was killed: each output is written on a thread of
    its own, so an event of that moment may be in the file and not in the spool, or the other way.
    """

    def counts(event: Told) -> bool:
        when_s = at_s(event)
        return when_s < before_s and not any(-1 < at - when_s < 1.5 for at in unsure_s)

    ids = [message["id"] for message in messages]
    came = Counter(told(message) for message in {one["id"]: one for one in messages}.values())
    return Account(
        recorded=sum(at_s(event) < before_s for event in wanted.elements()),
        received=sum(at_s(event) < before_s for event in came.elements()),
        missing=[event for event in (wanted - came).elements() if counts(event)],
        invented=[event for event in (came - wanted).elements() if counts(event)],
        doubled=[one for one, count in Counter(ids).items() if count > 1],
        out_of_order=_out_of_order(messages),
    )


def _out_of_order(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ids that came at another place: a run of a camera counts its messages 1, 2, 3, …"""
    wrong: list[str] = []
    last: dict[str, tuple[str, int, str]] = {}
    seen: set[str] = set()
    for message in messages:
        if message["id"] in seen:
            continue  # it is doubled, which is another thing
        seen.add(message["id"])
        run, _, number = message["id"].rpartition("-")
        before = last.get(message["camera"], ("", 0, ""))
        expected = before[1] + 1 if run == before[0] else 1
        if int(number) != expected or message["time_utc"] < before[2]:
            wrong.append(message["id"])
        last[message["camera"]] = (run, int(number), message["time_utc"])
    return wrong


def torn(files: Iterable[Path]) -> list[str]:
    """Files with half a line, or that don't parse."""
    return [f"{path.name}: {reason}" for path in files if (reason := _torn(path))]


def _torn(path: Path) -> str:
    text = path.read_text()
    if text and not text.endswith("\n"):
        return f"ends with {text[-40:]!r}"
    try:
        if path.suffix == ".json":
            json.loads(text)
        elif path.suffix == ".jsonl":
            for line in text.splitlines():
                json.loads(line)
        elif path.suffix == ".csv":
            widths = {len(row) for row in csv.reader(text.splitlines())}
            return "" if len(widths) <= 1 else f"rows of {widths} columns"
    except ValueError as error:
        return str(error)
    return ""
