"""Events and messages of a camera that began to run at noon of the first of March."""

from streamcls.alerts.message import Message, Messages
from streamcls.records import Event

NOON_S = 1772366400.0  # 2026-03-01T12:00:00Z


def label(
    name: str = "cat",
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    camera: str = "belt",
    mean_prob: float = 0.8,
) -> Event:
    end_utc = None if end_s is None else NOON_S + end_s
    return Event(
        "label", camera, name, start_s, end_s, mean_prob, 0.9, 3, "", NOON_S + start_s, end_utc
    )


def state(
    name: str = "ok",
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    camera: str = "belt",
    reason: str = "",
) -> Event:
    return Event("state", camera, name, start_s, end_s, 0.0, 0.0, 0, reason, NOON_S + start_s)


def message(number: int = 1, *, run: str = "run", name: str = "cat") -> Message:
    """The start of a label, `number` seconds after noon, with the id `run-number`."""
    messages = Messages(run)
    for _ in range(number):
        made = messages.of(label(name, start_s=float(number)))
    assert made is not None
    return made
