"""The output of one live camera that puts its events into the spools of all receivers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, get_args

from streamcls.alerts.message import Message, Messages
from streamcls.alerts.spool import Spool
from streamcls.alerts.topics import CameraState
from streamcls.errors import OutputError
from streamcls.records import Event, Result, State

_STATES = get_args(State)


class States(Protocol):
    """Shows the state of each camera, as `MqttPublisher` does."""

    def update_state(self, camera: str, state: CameraState) -> None:
        """Takes in what is the case now; must not wait."""
        ...


class AlertSink:
    """Hands the events of a camera and its regions on; waits for the disk, never for a network.

    Spools and states stay their makers' to close.
    """

    every_frame = False

    def __init__(
        self, camera: str, spools: Sequence[Spool], *, states: States | None = None
    ) -> None:
        """Says that the camera is connecting.

        Args:
            camera: its name.
            spools: of the receivers that are to get each message.
            states: who shows states, if anybody does.
        """
        self._camera = camera
        self._spools = tuple(spools)
        self._show = states
        self._messages = Messages()
        self._states = {camera: CameraState("connecting")}
        self._probs: dict[str, tuple[str | None, float]] = {}
        self._tell(camera)

    def write(self, result: Result) -> None:
        """Remembers how sure the label is, for when it next changes."""
        self._probs[result.frame.camera] = (result.steady, result.steady_prob)

    def event(self, event: Event) -> None:
        """Puts its message into all spools, and shows the state that follows from it.

        Raises:
            OutputError: of the first spool that could not take it; the others have it.
        """
        message = self._messages.of(event)
        failed = self._append(message) if message is not None else None
        self._change(event)
        if failed is not None:
            raise failed

    def close(self) -> None:
        """Nothing is left to do: what was appended is on the disk."""

    def _append(self, message: Message) -> OutputError | None:
        failed: OutputError | None = None
        for spool in self._spools:
            try:
                spool.append(message)
            except OutputError as error:
                failed = failed or error
        return failed
