"""What is sent: one message for each label that begins or ends and each state that begins."""

import json
import math
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import count
from typing import Literal, TypeAlias, get_args

from streamcls import clock
from streamcls.clock import iso_utc
from streamcls.masking import mask
from streamcls.records import Event, State

# A label begins or ends, a state begins, or messages are missing here.
Kind: TypeAlias = Literal["start", "end", "state", "gap"]

_STATES = get_args(State)
_DIGITS = 6  # of probabilities


@dataclass(frozen=True, slots=True)
class Message:
    """One message, the same however often it is sent.

    Attributes:
        id: nobody else's; receivers that see it twice got the same message twice.
        type: what happened.
        event: id that the start and the end of one segment have in common.
        camera, region: where; None for gaps, and `region` also for whole pictures.
        label: what is seen; None for states and gaps.
        state: of the source; None but for states.
        reason: of the state or the gap, for people.
        time_utc: when it happened, ISO 8601 in UTC with ms, as all times here.
        start_utc, end_utc: of the segment, or of the first and the last message of a gap.
        mean_prob, peak_prob: of the label, 0 to 1.
        lost: of gaps, how many messages are missing, None for unknown; of others, None.
    """

    id: str
    type: Kind
    event: str
    camera: str | None
    region: str | None
    label: str | None
    state: str | None
    reason: str
    time_utc: str
    start_utc: str | None
    end_utc: str | None
    mean_prob: float | None = None
    peak_prob: float | None = None
    lost: int | None = None

    def to_json(self) -> str:
        """It as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> "Message":
        """What `to_json` wrote.

        Raises:
            ValueError: this is something else.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or set(found) != {field.name for field in fields(Message)}:
            raise ValueError("no message of this version of streamcls")
        return Message(**found)


class Messages:
    """Makes messages of the events of one camera and its regions. One thread."""

    def __init__(self, run: str | None = None) -> None:
        """`run` begins the ids; nobody else may use it, so it is random unless told."""
        self._run = run or secrets.token_hex(6)
        self._count = count(1)
        self._open: dict[tuple[str, float], str] = {}  # camera and start_s -> event

    def of(self, event: Event) -> Message | None:
        """The message of an event; None where nobody is to be told.

        Those are ends of states, and what is in the events but is no state of a source.
        """
        if event.kind == "label":
            return self._label(event)
        if event.label in _STATES and event.end_s is None:
            new = self._new_id()
            return replace(
                self._message(event, "state", new, event=new),
                state=event.label,
                reason=clean(event.reason),
            )
        return None

    def _label(self, event: Event) -> Message:
        new, key = self._new_id(), (event.camera, event.start_s)
        if event.end_s is None:
            message = self._message(event, "start", new, event=self._open.setdefault(key, new))
        else:
            message = self._message(event, "end", new, event=self._open.pop(key, new))
        return replace(
            message,
            label=clean(event.label),
            mean_prob=probability(event.mean_prob),
            peak_prob=probability(event.peak_prob),
        )

    def _message(self, told: Event, kind: Kind, new: str, *, event: str) -> Message:
        camera, _, region = clean(told.camera).partition("/")
        at_utc = told.end_utc if kind == "end" else told.start_utc
        return Message(
            id=new,
            type=kind,
            event=event,
            camera=camera,
            region=region or None,
            label=None,
            state=None,
            reason="",
            # Only recordings have no dates; theirs is when it was noticed.
            time_utc=iso_utc(clock.epoch_s() if at_utc is None else at_utc),
            start_utc=None if told.start_utc is None else iso_utc(told.start_utc),
            end_utc=None if told.end_utc is None else iso_utc(told.end_utc),
        )

    def _new_id(self) -> str:
        return f"{self._run}-{next(self._count)}"


def gap_for(missing: Sequence[Message]) -> Message:
    """A message that stands for those that had to be let go, gaps among them, oldest first."""
    counts = [one.lost if one.type == "gap" else 1 for one in missing]
    lost = None if None in counts else sum(number or 0 for number in counts)
    starts = [(one.type == "gap" and one.start_utc) or one.time_utc for one in missing]
    ends = [one.time_utc for one in missing]
    return _gap(lost, "had to be let go while they waited", min(starts), max(ends))


def gap_of_unknown(reason: str) -> Message:
    """A message that says that an unknown number is missing, and why."""
    return _gap(None, reason, None, None)


def _gap(lost: int | None, reason: str, start_utc: str | None, end_utc: str | None) -> Message:
    new = f"gap-{secrets.token_hex(8)}"
    number = "an unknown number of" if lost is None else str(lost)
    return Message(
        id=new,
        type="gap",
        event=new,
        camera=None,
        region=None,
        label=None,
        state=None,
        reason=f"{number} messages {reason}",
        time_utc=end_utc or iso_utc(clock.epoch_s()),
        start_utc=start_utc,
        end_utc=end_utc,
        lost=lost,
    )


def probability(value: float) -> float | None:
    """With six digits; None for what is no number, which JSON does not know."""
    return round(float(value), _DIGITS) if math.isfinite(value) else None


def clean(text: str) -> str:
    """Text that may be sent: without passwords of addresses, and without bytes that are no text."""
    return mask(text).encode(errors="replace").decode()
