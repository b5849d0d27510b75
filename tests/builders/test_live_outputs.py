from pathlib import Path
from typing import Any

from streamcls.builders.live import build_live
from streamcls.builders.live_outputs import live_sinks
from streamcls.builders.outputs import asked_outputs, run_facts
from streamcls.config.options import from_options
from streamcls.metrics import Metrics
from streamcls.runtime.stop import Stop
from streamcls.sinks.rotation import Rotating
from streamcls.sinks.stats import StatsFile
from tests.builders.fake import Fake


def test_live_outputs_rotate_where_they_can(tmp_path: Path) -> None:
    names = {"csv": "a.csv", "video": "a.mp4", "events": "b.json", "stats": "s.json"}
    given = {name: str(tmp_path / file) for name, file in names.items()}
    settings = from_options({"source": "sim://", "rotate": "90s", **given})
    assert set(asked_outputs(settings)) == set(names)
    fake: Any = Fake()
    run = build_live(settings, stop=Stop(), metrics=Metrics(), progress=False, classifier=fake)
    sinks = dict(live_sinks(settings, run_facts(settings, run)))
    rotating = {name for name, sink in sinks.items() if isinstance(sink, Rotating)}
    assert rotating == {"csv", "events", "video"}
    assert all(vars(sinks[name])["_seconds"] == 90 for name in rotating)
    assert {name: sink.every_frame for name, sink in sinks.items() if sink.every_frame} == {
        "video": True
    }
    stats = sinks["stats"]
    assert isinstance(stats, StatsFile)
    assert stats.refresh_s == 10
    sinks["events"].close()
