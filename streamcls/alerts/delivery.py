"""Takes messages from a spool to their receiver, in order, for as long as that takes."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from streamcls import clock
from streamcls.alerts.message import Message
from streamcls.alerts.spool import Entry, Spool
from streamcls.masking import mask

log = logging.getLogger(__name__)

HOLD_S = 60.0  # after a refusal that somebody has to do something about
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LOOK_S = 1.0  # how often a pause is looked at, and an empty spool
_REFUSALS = 3  # of one message, which then is given up


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of one try.

    Attributes:
        status: "delivered"; "failed", to be tried again soon; "denied", where somebody has to
            change the settings first; "refused", where this message alone is not taken.
        reason: of all but the first, for people, without secrets.
        pause_s: not to be tried again before, as the receiver wishes.
    """

    status: Literal["delivered", "failed", "denied", "refused"]
    reason: str = ""
    pause_s: float = 0.0


class Destination(Protocol):
    """A receiver of messages; `deliver` runs on one thread, the others on any."""

    @property
    def name(self) -> str:
        """What and where it is, for people, without secrets."""
        ...

    def deliver(self, message: Message) -> Outcome:
        """Tries once, in bounded time; "delivered" only where the receiver said that it has it."""
        ...

    def is_back(self) -> bool:
        """Whether it is known that trying is of use again, so that no pause needs to end first."""
        ...

    def interrupt(self) -> None:
        """Ends a `deliver` that is under way."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What became of the messages of one destination since the process began.

    Attributes:
        delivered: those that it has.
        failed_tries: tries without success.
        refused: messages that it would not take, and that were given up.
        lost: messages that the spool had to let go.
        waiting: messages in the spool.
        reachable: whether the last try succeeded.
    """

    delivered: int
    failed_tries: int
    refused: int
    lost: int
    waiting: int
    reachable: bool


class Delivery:
    """Delivers the messages of one spool to one destination, one at a time.

    delivery = Delivery(spool, webhook)
    stop.wake(delivery.wake)
    threads.start("webhook", lambda: delivery.run(stop.wait))
    """

    def __init__(
        self,
        spool: Spool,
        destination: Destination,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance` gives numbers from 0 to 1; spool and destination stay their makers' to close."""
        self._spool, self._destination = spool, destination
        self._chance = chance
        self._lock = threading.Lock()
        self._delivered = self._failed_tries = self._refused = 0
        self._pause_s = _FIRST_PAUSE_S
        self._refusals = 0  # of the message that is first
        self._trouble = ""  # status of the last try, if it failed

    @property
    def name(self) -> str:
        """The destination's."""
        return self._destination.name

    def run(self, wait: Callable[[float], bool]) -> None:
        """Delivers until the run is stopped.

        Args:
            wait: waits so many seconds, less if the run is stopped meanwhile; says whether it is.
        """
        while not wait(0):
            entry = self._spool.first()
            if entry is None:
                self._spool.wait(_LOOK_S)
                continue
            pause_s = self._try(entry)
            while pause_s > 0 and not wait(min(pause_s, _LOOK_S)):
                pause_s = 0.0 if self._destination.is_back() else pause_s - _LOOK_S

    def drain(self, for_s: float = 1.0) -> None:
        """After the run: delivers what came last, up to the first failure, begun within `for_s`."""
        until_s = clock.now_s() + for_s
        while clock.now_s() < until_s:
            entry = self._spool.first()
            if entry is None or self._try(entry) > 0:
                return

    def wake(self) -> None:
        """Ends what `run` waits for, for it to see that the run is stopped; any thread."""
        self._spool.wake()
        self._destination.interrupt()

    def tally(self) -> Tally:
        """How it stands; any thread."""
        counts = self._spool.counts()
        with self._lock:
            return Tally(
                self._delivered,
                self._failed_tries,
                self._refused,
                counts.lost,
                counts.waiting,
                not self._trouble,
            )

    def _try(self, entry: Entry) -> float:
        """Tries once; the seconds to wait before the next try."""
        outcome = self._destination.deliver(entry.message)
        if outcome.status == "delivered":
            return self._was_delivered(entry)
        with self._lock:
            self._failed_tries += 1
        if outcome.status == "refused":
            return self._was_refused(entry, outcome)
        self._tell(outcome)
        pause_s = HOLD_S if outcome.status == "denied" else self._next_pause_s()
        return max(pause_s, outcome.pause_s)

    def _was_delivered(self, entry: Entry) -> float:
        self._spool.done(entry)
        with self._lock:
            self._delivered += 1
            was, self._trouble = self._trouble, ""
        if was:
            waiting = self._spool.counts().waiting
            log.info("%s: takes messages again; %d are waiting", self.name, waiting)
        self._pause_s, self._refusals = _FIRST_PAUSE_S, 0
        return 0.0

    def _was_refused(self, entry: Entry, outcome: Outcome) -> float:
        self._refusals += 1
        if self._refusals < _REFUSALS:
            return max(self._next_pause_s(), outcome.pause_s)
        self._spool.done(entry)
        with self._lock:
            self._refused += 1
        reason, message = mask(outcome.reason), entry.message.id
        log.warning("%s: won't take message %s, given up: %s", self.name, message, reason)
        self._pause_s, self._refusals = _FIRST_PAUSE_S, 0
        return 0.0

    def _tell(self, outcome: Outcome) -> None:
        """Says once that messages stay here, and once more where somebody has to act."""
        with self._lock:
            was, self._trouble = self._trouble, outcome.status
        if was != outcome.status:
            waiting, reason = self._spool.counts().waiting, mask(outcome.reason)
            log.warning("%s: %s; messages that wait: %d", self.name, reason, waiting)

    def _next_pause_s(self) -> float:
        """1 s, then twice as long each time, up to 60 s.

        Cut by up to a quarter at random, so that those who lost a receiver together don't come
        back together.
        """
        pause_s = self._pause_s * (1 - 0.25 * self._chance())
        self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        return pause_s
