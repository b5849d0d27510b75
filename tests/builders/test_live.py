import math
from typing import Any

from streamcls.builders.live import build_live
from streamcls.config.options import from_options
from streamcls.metrics import Metrics
from streamcls.runtime.live_pipeline import LivePipeline
from streamcls.runtime.stop import Stop
from tests.builders.fake import Fake


def live(**given: object) -> LivePipeline:
    settings = from_options({"source": "sim://", **given})
    fake: Any = Fake()
    return build_live(
        settings, stop=Stop(), metrics=Metrics(), progress=False, classifier=fake
    ).pipeline


def test_what_a_live_run_does_about_time() -> None:
    newest = live(stale_after=3.5, queue_size=2, duration=9)
    state, waiting = vars(newest)["_state"], _waiting(newest)
    assert vars(state)["_stale_after_s"] == 3.5
    assert (waiting.capacity, vars(newest)["_duration_s"]) == (2, 9)
    assert vars(waiting)["_dropped"] is not None
    waits = live(queue_policy="block")
    assert vars(_waiting(waits))["_dropped"] is None
    assert vars(vars(waits)["_state"])["_stale_after_s"] == math.inf


def _waiting(pipeline: LivePipeline) -> Any:
    return vars(vars(pipeline)["_own_turns"])["_waiting"]
