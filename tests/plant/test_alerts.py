"""Receivers of events that change while cameras go on; a real spool, and a receiver on loopback."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamcls.config.plant import PlantSettings
from streamcls.errors import StreamclsError
from streamcls.plant.alerts import Alerts
from streamcls.protocols import Sink
from tests.alerts.made import label, state
from tests.integration.receiver import Receiver
from tests.plant.made import asked

PATIENCE_S = 10.0


def settings(folder: Path, url: str | None) -> PlantSettings:
    return PlantSettings.model_validate(
        {
            "cameras": [{"camera": "belt", "source": "sim://"}],
            "spool": {"folder": str(folder)},
            **({"webhook": {"url": url}} if url is not None else {}),
        }
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def alerts() -> Iterator[Alerts]:
    with Alerts() as made:
        yield made


def sink_of(alerts: Alerts, name: str = "belt") -> Sink:
    sink = alerts.sink(asked(name))
    assert sink is not None
    return sink


def got(receiver: Receiver, count: int) -> list[str]:
    """The labels of the messages, when there are so many; not of interrupted requests."""
    wait_for = count
    while True:
        bodies = [one.body for one in receiver.wait_for(wait_for) if one.body]
        if len(bodies) >= count:
            return [json.loads(body)["label"] for body in bodies]
        wait_for += 1


def until_delivered(alerts: Alerts, count: int) -> None:
    """They are counted a moment after the receiver has them."""
    until_s = time.monotonic() + PATIENCE_S
    while sum(one.delivered for one in alerts.standing()) < count:
        assert time.monotonic() < until_s, [one.delivered for one in alerts.standing()]
        time.sleep(0.005)


def test_events_of_a_camera_reach_the_receiver(
    alerts: Alerts, receiver: Receiver, tmp_path: Path
) -> None:
    alerts.apply(settings(tmp_path, receiver.url))
    sink = sink_of(alerts)
    for event in (state("ok"), label("cat", start_s=1), label("cat", start_s=1, end_s=2)):
        sink.event(event)
    assert got(receiver, 3) == [None, "cat", "cat"]  # the first is of the state
    until_delivered(alerts, 3)
    (standing,) = alerts.standing()
    assert standing.name == f"webhook http://localhost:{receiver.port}"
    assert (standing.delivered, standing.waiting, standing.lost) == (3, 0, 0)
    assert standing.reachable


def test_who_wants_no_alerts_has_no_sink(alerts: Alerts) -> None:
    assert alerts.sink(asked("belt", alerts=False)) is None


def test_without_receivers_events_go_nowhere(alerts: Alerts, tmp_path: Path) -> None:
    alerts.apply(settings(tmp_path, None))
    sink_of(alerts).event(label("cat"))
    assert alerts.standing() == []
    assert list(tmp_path.iterdir()) == []


def test_sinks_stay_valid_when_others_are_told(
    alerts: Alerts, receiver: Receiver, tmp_path: Path
) -> None:
    alerts.apply(settings(tmp_path, receiver.url))
    sink = sink_of(alerts)
    sink.event(label("cat"))
    until_delivered(alerts, 1)
    assert got(receiver, 1) == ["cat"]
    with Receiver() as other:
        alerts.apply(settings(tmp_path, other.url))
        sink.event(label("dog"))
        until_delivered(alerts, 1)
        assert got(other, 1) == ["dog"]
        alerts.apply(settings(tmp_path, None))
        sink.event(label("bird"))  # nobody is to know
        alerts.apply(settings(tmp_path, receiver.url))
        sink.event(label("fish"))
        assert got(receiver, 2) == ["cat", "fish"]
        assert got(other, 1) == ["dog"]


def test_the_same_receivers_go_on_untouched(
    alerts: Alerts, receiver: Receiver, tmp_path: Path
) -> None:
    alerts.apply(settings(tmp_path, receiver.url))
    sink_of(alerts).event(label("cat"))
    until_delivered(alerts, 1)
    alerts.apply(settings(tmp_path, receiver.url))
    assert [one.delivered for one in alerts.standing()] == [1]  # a new one would begin with 0


def test_what_waits_goes_to_the_new_receiver_and_nothing_is_lost(
    alerts: Alerts, receiver: Receiver, tmp_path: Path
) -> None:
    """Cameras tell all the time while receivers change."""
    receiver.down()
    alerts.apply(settings(tmp_path, receiver.url))
    sink = sink_of(alerts)
    told = threading.Semaphore(0)
    over = threading.Event()
    count = 0

    def tell() -> None:
        nonlocal count
        while not over.wait(0.001):
            sink.event(label(f"label {count}"))
            count += 1
            told.release()

    camera = threading.Thread(target=tell)
    camera.start()
    try:
        with Receiver() as other:
            for url in (other.url, receiver.url, other.url):
                for _ in range(5):
                    assert told.acquire(timeout=PATIENCE_S)
                alerts.apply(settings(tmp_path, url))
            over.set()
            camera.join(PATIENCE_S)
            last, labels = f"label {count - 1}", got(other, 1)
            while labels[-1] != last:  # one may come twice, where it was interrupted
                labels = got(other, len(labels) + 1)
    finally:
        over.set()
        camera.join(PATIENCE_S)
    assert count >= 15
    assert list(dict.fromkeys(labels)) == [f"label {number}" for number in range(count)]


def test_receivers_that_cannot_be_had_leave_those_from_before(
    alerts: Alerts, receiver: Receiver, tmp_path: Path
) -> None:
    alerts.apply(settings(tmp_path, receiver.url))
    sink = sink_of(alerts)
    sink.event(label("cat"))
    until_delivered(alerts, 1)
    (tmp_path / "file").touch()
    with pytest.raises(StreamclsError):
        alerts.apply(settings(tmp_path / "file", receiver.url))
    sink.event(label("dog"))
    assert got(receiver, 2) == ["cat", "dog"]


def test_at_the_end_what_came_last_is_delivered(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamcls.plant.alerts._DRAIN_S", PATIENCE_S)
    with Alerts() as alerts:
        alerts.apply(settings(tmp_path, receiver.url))
        sink = sink_of(alerts)
        for number in range(20):
            sink.event(label(f"label {number}"))
    alerts.close()
    labels = list(dict.fromkeys(got(receiver, 20)))  # one may have been interrupted, and come twice
    assert labels == [f"label {number}" for number in range(20)]
    (standing,) = alerts.standing()  # for the last lines of the run
    assert (standing.delivered, standing.waiting) == (20, 0)


def test_what_could_not_be_delivered_waits_on_the_disk(receiver: Receiver, tmp_path: Path) -> None:
    receiver.down()
    with Alerts() as alerts:
        alerts.apply(settings(tmp_path, receiver.url))
        sink_of(alerts).event(label("cat"))
    assert [one.waiting for one in alerts.standing()] == [1]
    receiver.up()
    with Alerts() as again:
        again.apply(settings(tmp_path, receiver.url))
        assert got(receiver, 1) == ["cat"]


def test_a_receiver_that_keeps_us_waiting_does_not_hold_up_the_end(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is interrupted; its time-out of an hour does not count."""
    monkeypatch.setattr("streamcls.plant.alerts._DRAIN_S", 0.05)
    receiver.answers = ["hang"] * 9
    wanted = settings(tmp_path, receiver.url)
    assert wanted.webhook is not None
    patient = wanted.webhook.model_copy(update={"timeout": 3600.0})
    with Alerts() as alerts:
        alerts.apply(wanted.model_copy(update={"webhook": patient}))
        sink_of(alerts).event(label("cat"))
        receiver.wait_for(1)
    assert [one.waiting for one in alerts.standing()] == [1]


def test_one_that_begins_to_hang_at_the_end_is_interrupted(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delivery has ended, and what is left is being drained."""
    monkeypatch.setattr("streamcls.plant.alerts._DRAIN_S", 0.05)
    wanted = settings(tmp_path, receiver.url)
    assert wanted.webhook is not None
    patient = wanted.webhook.model_copy(update={"timeout": 3600.0})
    with Alerts() as alerts:
        alerts.apply(wanted.model_copy(update={"webhook": patient}))
        sink = sink_of(alerts)
        sink.event(label("cat"))
        until_delivered(alerts, 1)
        receiver.answers = ["hang"] * 9
        # Ends `run` as a stop does, so that the last event is left for the drain.
        (one,) = vars(alerts)["_receivers"]
        vars(one)["_stop"].set()
        assert vars(one)["_threads"].join(PATIENCE_S)
        sink.event(label("dog"))
    assert [(one.delivered, one.waiting) for one in alerts.standing()] == [(1, 1)]


def test_no_secret_stands_in_a_name(alerts: Alerts, receiver: Receiver, tmp_path: Path) -> None:
    url = f"http://anna:geheim@localhost:{receiver.port}/hook?token=geheim"
    alerts.apply(settings(tmp_path, url))
    assert "geheim" not in str([one.name for one in alerts.standing()])
