"""The output of one live camera that puts its events into the spools of all receivers."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, get_args

from streamcls.alerts.message import Message, Messages
from streamcls.alerts.topics import CameraState
from streamcls.errors import OutputError
from streamcls.records import Event, Result, State

log = logging.getLogger(__name__)

_STATES = get_args(State)


class States(Protocol):
    """Shows the state of each camera, as `MqttPublisher` does."""

    def update_state(self, camera: str, state: CameraState) -> None:
        """Takes in what is the case now; must not wait."""
        ...


class Takes(Protocol):
    """Takes in messages, as a `Spool` does."""

    def append(self, message: Message) -> None:
        """Puts it behind the others.

        Raises:
            OutputError: it could not.
        """
        ...


class AlertSink:
    """Hands the events of a camera and its regions on; waits for the disk, never for a network.

    Spools and states stay their makers' to close.
    """

    every_frame = False

    def __init__(
        self, camera: str, spools: Sequence[Takes], *, states: States | None = None
    ) -> None:
        """Says that the camera is connecting.

        Args:
            camera: its name.
            spools: of the receivers that are to get each message.
            states: who shows states, if anybody does.
        """
        self._camera = camera
        self._spools = list(spools)
        self._show = states
        self._messages = Messages()
        self._states = {camera: CameraState("connecting")}
        self._unsaid: set[str] = set()  # labels that ended, and maybe gave way to others
        self._say(camera)

    def write(self, result: Result) -> None:
        """All events of this frame came before it: shows that there is no label any more."""
        self._say(*self._unsaid)

    def event(self, event: Event) -> None:
        """Puts its message into all spools, and shows the state that follows from it.

        A spool that fails is left out from then on, and the log says so.

        Raises:
            OutputError: no spool is left.
        """
        message = self._messages.of(event)
        if message:
            self._append(message)
        if event.kind == "label":
            self._change_label(event)
        elif event.label in _STATES:
            self._change_state(event)

    def close(self) -> None:
        """Nothing is left to do: what was appended is on the disk."""

    def _append(self, message: Message) -> None:
        for spool in tuple(self._spools):
            try:
                spool.append(message)
            except OutputError as error:
                self._spools.remove(spool)
                if not self._spools:
                    raise
                log.error("%s: events are not kept any more: %s", self._camera, error)

    def _change_label(self, event: Event) -> None:
        name = event.camera
        was = self._states.get(name) or replace(self._states[self._camera], label=None, prob=None)
        if event.end_s is None:
            label, prob, since_utc = event.label, event.mean_prob, event.start_utc
            self._states[name] = replace(was, label=label, prob=prob, since_utc=since_utc)
            self._say(name)
        elif was.label is not None:
            self._states[name] = replace(was, label=None, prob=None, since_utc=event.end_utc)
            self._unsaid.add(name)

    def _change_state(self, event: Event) -> None:
        """Into another state, with all regions of the camera; or says what is left at the end."""
        if event.end_s is not None:
            self._say(*self._unsaid)
            return
        changed = CameraState(event.label, event.reason, since_utc=event.start_utc)
        within = [name for name in self._states if f"{name}/".startswith(f"{event.camera}/")]
        self._states |= dict.fromkeys([event.camera, *within], changed)
        self._say(event.camera, *within)

    def _say(self, *names: str) -> None:
        for name in names:
            self._unsaid.discard(name)
            if self._show is not None:
                self._show.update_state(name, self._states[name])
