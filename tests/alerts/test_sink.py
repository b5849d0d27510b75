from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from streamcls.alerts.sink import AlertSink
from streamcls.alerts.spool import Spool
from streamcls.alerts.topics import CameraState
from streamcls.errors import OutputError
from streamcls.protocols import Sink
from tests.alerts.made import NOON_S, label, state
from tests.alerts.test_spool import taken
from tests.fakes import result


class Shown:
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.told: list[tuple[str, CameraState]] = []

    def update_state(self, camera: str, state: CameraState) -> None:
        if not self.told or dict(self.told).get(camera) != state:
            self.told.append((camera, state))


@pytest.fixture
def spools(tmp_path: Path) -> Iterator[tuple[Spool, Spool]]:
    with Spool(tmp_path / "mqtt") as one, Spool(tmp_path / "webhook") as other:
        yield one, other


def test_every_spool_gets_every_message(spools: tuple[Spool, Spool]) -> None:
    sink: Sink = AlertSink("belt", spools)
    assert not sink.every_frame
    for event in (state("ok"), label("cat", start_s=1), label("cat", start_s=1, end_s=2)):
        sink.event(event)
    sink.event(state("ok", end_s=3))
    sink.close()
    sink.close()
    one, other = (list(taken(spool)) for spool in spools)
    assert one == other
    assert [message.type for message in one] == ["state", "start", "end"]


def test_a_spool_that_fails_does_not_stop_the_others(
    spools: tuple[Spool, Spool], caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = spools
    broken.close()
    sink = AlertSink("belt", spools)
    sink.event(label("cat"))
    sink.event(label("dog", start_s=1))
    assert [message.label for message in taken(sound)] == ["cat", "dog"]
    assert len(caplog.messages) == 1
    sound.close()
    with pytest.raises(OutputError, match="closed"):
        sink.event(label("cat"))


def test_states_are_shown_with_each_change_and_not_with_each_frame() -> None:
    shown = Shown()
    sink = AlertSink("belt", (), states=shown)
    sink.event(state("ok", start_s=1))
    sink.event(label("cat", start_s=2))
    for index in range(5):
        sink.write(result(index))
    sink.event(label("cat", start_s=2, end_s=4))
    sink.event(label("dog", start_s=4))
    sink.write(result(6))
    sink.event(label("dog", start_s=4, end_s=5))
    sink.write(result(7))
    sink.event(state("frozen", start_s=6, reason="the picture stands still"))
    good = CameraState("ok", since_utc=NOON_S + 1)
    assert shown.told == [
        ("belt", CameraState("connecting")),
        ("belt", good),
        ("belt", replace(good, label="cat", prob=0.8, since_utc=NOON_S + 2)),
        ("belt", replace(good, label="dog", prob=0.8, since_utc=NOON_S + 4)),
        ("belt", replace(good, since_utc=NOON_S + 5)),
        ("belt", CameraState("frozen", "the picture stands still", since_utc=NOON_S + 6)),
    ]


def test_regions_share_the_state_of_their_camera() -> None:
    shown = Shown()
    sink = AlertSink("belt", (), states=shown)
    sink.event(state("ok", start_s=1))
    sink.event(label("cat", start_s=2, camera="belt/left"))
    sink.event(label("cat", start_s=2, end_s=3, camera="belt/left"))
    sink.event(state("no_signal", start_s=3))
    at = [(name, seen.state, seen.label) for name, seen in shown.told[2:]]
    assert at == [
        ("belt/left", "ok", "cat"),
        ("belt", "no_signal", None),
        ("belt/left", "no_signal", None),
    ]


def test_the_end_of_a_run_leaves_no_label() -> None:
    shown = Shown()
    sink = AlertSink("belt", (), states=shown)
    sink.event(label("cat", start_s=2))
    sink.event(label("cat", start_s=2, end_s=3))
    sink.event(state("output_failed", start_s=3))
    sink.event(state("ok", end_s=3))
    assert shown.told[-1][1].label is None
