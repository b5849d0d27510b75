"""What all routes look at: the model, the cameras, the jobs, and who asks."""

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from streamcls import clock
from streamcls.builders.backend import lasting_name
from streamcls.closing import Closing
from streamcls.config.plant import PlantCamera
from streamcls.plant.cameras import RunningCamera
from streamcls.protocols import Sink
from streamcls.web.desk import Desk
from streamcls.web.feed import Feed
from streamcls.web.history import History, HistorySink
from streamcls.web.job_process import Task
from streamcls.web.jobs import Jobs
from streamcls.web.live_view import Views
from streamcls.web.log_tail import LogTail
from streamcls.web.problems import Problem
from streamcls.web.rules import Rules
from streamcls.web.schemas import ModelOut
from streamcls.web.tally import Tally
from streamcls.web.tokens import Tokens

if TYPE_CHECKING:
    from streamcls.plant.model import SharedModel
    from streamcls.plant.plant import Plant


class Site(Closing):
    """The state behind the page and the API.

    The server asks on its event loop; the run attaches the model and the plant on its own thread.
    """

    def __init__(self, rules: Rules, log_tail: LogTail) -> None:
        """Has neither model nor cameras yet.

        Args:
            rules: what is allowed.
            log_tail: the last lines of the log.

        Raises:
            OutputError: the folder of jobs can't be had.
        """
        self.rules, self.log_tail = rules, log_tail
        self.begun_s = clock.now_s()
        self.tokens, self.tally = Tokens(rules.token), Tally()
        self.desk, self.feed = Desk(), Feed()
        self.views = Views(self.camera, rules.viewers)
        self.plant: Plant | None = None
        self._histories: dict[str, History] = {}
        self.jobs = Jobs(rules.jobs, self._task, waiting=rules.waiting_jobs, keep_s=rules.keep_s)

    # -- the run's side

    def attach(self, plant: "Plant") -> None:
        """The cameras run from now on."""
        self.plant = plant
        self.look()

    def look(self) -> None:
        """Takes over another model of the plant; to be called a few times a second."""
        if self.plant is not None:
            self.desk.attach(self.plant.model)

    def sinks(self, camera: PlantCamera) -> Mapping[str, Sink]:
        """The outputs that each camera has for the page; see `Plant`."""
        return {"page": HistorySink(self.history(camera.camera), self.feed)}

    def close(self) -> None:
        """Ends all that goes on for somebody. Can be called again."""
        self.desk.close()
        self.feed.close()
        self.views.close()
        self.jobs.close()

    # -- the routes' side

    @property
    def model(self) -> "SharedModel | None":
        """What classifies; None while it is loaded."""
        return self.desk.model

    def described_model(self) -> ModelOut | None:
        """The same as the API says it."""
        shared = self.model
        if shared is None:
            return None
        card, settings = shared.classifier.card, shared.asked[0]
        return ModelOut(
            name=os.path.basename(settings.name) or settings.name,  # noqa: PTH119 - no whole path
            arch=card.arch,
            backend=shared.classifier.backend_name,
            classes=len(card.labels),
            input_size=card.input_size,
            imagenet=_are_imagenet(card.labels),
        )

    def class_id(self, label: str | None) -> int | None:
        """Of a label of the model; None for aliases."""
        if label is None or self.model is None:
            return None
        return _ids(self.model.classifier.card.labels).get(label)

    @property
    def cameras(self) -> tuple[RunningCamera, ...]:
        """In the order of the settings."""
        return () if self.plant is None else self.plant.cameras.running

    def camera(self, name: str) -> RunningCamera | None:
        """One of them; any thread."""
        return next((one for one in self.cameras if one.name == name), None)

    def known_camera(self, name: str) -> RunningCamera:
        """The same.

        Raises:
            Problem: there is none of that name.
        """
        found = self.camera(name)
        if found is None:
            raise Problem(404, "not_found", f"there is no camera {name!r}")
        return found

    def history(self, camera: str) -> History:
        """What a camera saw."""
        return self._histories.setdefault(camera, History())

    def _task(self) -> Task | None:
        """What jobs are done with: the model as it is now."""
        shared = self.model
        if shared is None:
            return None
        model, runtime = shared.asked
        named = model.model_copy(update={"name": lasting_name(model.name)})
        return Task(
            {
                "model": named.model_dump(mode="json", exclude_none=True),
                "runtime": runtime.model_dump(mode="json", exclude_none=True, include={"threads"}),
            }
        )


@lru_cache(maxsize=4)
def _ids(labels: tuple[str, ...]) -> dict[str, int]:
    return {label: number for number, label in reversed(tuple(enumerate(labels)))}


@lru_cache(maxsize=4)
def _are_imagenet(labels: tuple[str, ...]) -> bool:
    """By a few of them, so that torchvision need not be loaded to know all."""
    known = {0: "tench", 1: "goldfish", 281: "tabby", 508: "computer keyboard", 898: "water bottle"}
    known[999] = "toilet tissue"
    return len(labels) == 1000 and all(labels[at] == name for at, name in known.items())
