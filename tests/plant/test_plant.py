"""A plant that is changed, and that ends."""

import threading
from pathlib import Path

import pytest

from streamcls.errors import ModelSettingsError, SourceError
from streamcls.plant.model import SharedModel
from streamcls.plant.plant import Plant
from tests.plant.made import TWO, Built, settings_of

REQUIRED = TWO.replace('"sim://"}', '"sim://", required: true}', 1)
OTHER_MODEL = TWO + "model: {name: other}\n"


def test_a_required_camera_that_is_given_up_ends_the_run(
    plant: Plant, built: Built, tmp_path: Path
) -> None:
    assert plant.reload(lambda: settings_of(REQUIRED, tmp_path), plant.look) is not None
    lost = SourceError("left: no signal; given up")
    plant.cameras.running[0].run.pipeline.stop.set(lost)
    plant.look()
    assert vars(plant)["_stop"].failure is lost


def test_another_model_is_loaded_while_the_cameras_go_on(
    plant: Plant, built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, labelled = plant.model, threading.Event()

    def load(*_: object, **__: object) -> SharedModel:
        assert labelled.wait(10)  # by the old one
        raise ModelSettingsError("no such model")

    def meanwhile() -> None:
        built.answered("left")
        labelled.set()

    monkeypatch.setattr("streamcls.plant.plant.load_shared", load)
    assert plant.reload(lambda: settings_of(OTHER_MODEL, tmp_path), meanwhile) is None
    assert plant.model is before
    built.answered("right")


def test_a_stop_does_not_wait_for_another_model(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def load(*_: object, **__: object) -> SharedModel:
        assert ended.wait(10)
        raise ModelSettingsError("too late")

    monkeypatch.setattr("streamcls.plant.plant.load_shared", load)
    loading = set(threading.enumerate())
    stop = vars(plant)["_stop"].set
    assert plant.reload(lambda: settings_of(OTHER_MODEL, tmp_path), stop) is None
    ended.set()
    for thread in set(threading.enumerate()) - loading:
        thread.join(10)


def test_a_mistake_of_ours_is_no_end_of_the_cameras(plant: Plant, built: Built) -> None:
    def load() -> None:
        raise ValueError("a mistake")

    assert plant.reload(load, plant.look) is None  # type: ignore[arg-type]
    assert plant.reloads["refused"] == 1
    built.answered("left")


def test_a_camera_that_somebody_stops_stays_so_and_the_other_goes_on(
    plant: Plant, built: Built, tmp_path: Path
) -> None:
    done = plant.set_running("left", running=False)
    plant.look()
    done.result(0)
    left = plant.cameras.running[0]
    assert (left.state, left.gone) == ("stopped", "it was stopped")
    assert plant.missing() == ["right: connecting"]  # who was stopped is not missed
    plant.look()
    built.answered("right")
    assert plant.reload(lambda: settings_of(TWO, tmp_path), plant.look) is not None
    assert plant.cameras.running[0].state == "stopped"
    again = plant.set_running("left", running=True)
    plant.look()
    again.result(0)
    built.answered("left")
    assert plant.cameras.running[0].state == "ok"


def test_other_settings_start_a_camera_that_was_stopped(
    plant: Plant, built: Built, tmp_path: Path
) -> None:
    plant.set_running("left", running=False)
    plant.look()
    other = TWO.replace('"sim://"}', '"sim://", rotation: 90}', 1)
    assert plant.reload(lambda: settings_of(other, tmp_path), plant.look) is not None
    built.answered("left")


def test_a_camera_that_is_not_there_or_can_t_be_built_is_said(plant: Plant, built: Built) -> None:
    none = plant.set_running("none", running=True)
    plant.set_running("left", running=False)
    built.cannot.add("left")
    cannot = plant.set_running("left", running=True)
    plant.look()
    assert isinstance(none.exception(0), KeyError)
    assert "its folder is away" in str(cannot.exception(0))
    assert plant.cameras.running[0].state == "stopped"


def test_after_the_end_nothing_is_changed(plant: Plant) -> None:
    plant.close()
    assert "the run ends" in str(plant.set_running("left", running=True).exception(0))
