"""What the listener says of a plant at work: numbers, health and readiness."""

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamcls.config.plant import PlantSettings
from streamcls.errors import OutputPathError
from streamcls.plant.exposition import STATES, Exposition
from streamcls.plant.pages import Pages
from streamcls.plant.plant import Plant
from tests.plant.made import TWO, Built, settings_of
from tests.runtime.rig import balanced

pytestmark = pytest.mark.alone

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(plant: Plant) -> Samples:
    """As Prometheus' own parser reads them."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(Exposition(lambda: plant).text().decode())
        for one in family.samples
    }


def of_camera(found: Samples, name: str, camera: str) -> dict[tuple[str, ...], float]:
    """By the values of the other labels."""
    return {
        tuple(value for key, value in labels if key != "camera"): number
        for (metric, labels), number in found.items()
        if metric == name and ("camera", camera) in labels
    }


def test_frames_add_up_to_those_read(plant: Plant, built: Built) -> None:
    for _ in range(3):
        built.answered("left")
    built.sources["left"][0].give(fault="black", state="black")
    built.sources["left"][0].give(fault="late", state="late")
    built.answered("right")
    found = samples(plant)
    read = of_camera(found, "streamcls_frames_read_total", "left")
    out = of_camera(found, "streamcls_frames_total", "left")
    assert read == {(): 5}
    assert out == {  # cause, outcome
        ("", "classified"): 3,
        ("", "not_sampled"): 0,
        ("black", "rejected"): 1,
        ("late", "rejected"): 1,
    }
    flying = of_camera(found, "streamcls_frames_in_flight", "left")
    assert sum(out.values()) + flying[()] == read[()]
    assert of_camera(found, "streamcls_frames_read_total", "right") == {(): 1}
    assert balanced(plant.cameras.running[0].metrics.snapshot())


def test_each_camera_is_in_one_state(plant: Plant, built: Built) -> None:
    built.answered("left")
    found = samples(plant)
    for camera, state in (("left", "ok"), ("right", "connecting")):
        states = of_camera(found, "streamcls_camera_state", camera)
        assert {name for (name,) in states} == set(STATES)
        assert [name for (name,), value in states.items() if value] == [state]
    assert of_camera(found, "streamcls_connections_total", "left") == {(): 1}


def test_times_are_in_seconds_and_only_of_who_has_some(plant: Plant, built: Built) -> None:
    built.answered("left")
    found = samples(plant)
    assert of_camera(found, "streamcls_inference_seconds", "left") == {
        ("50",): 0.002,
        ("99",): 0.002,
    }
    assert of_camera(found, "streamcls_label_age_seconds", "right") == {}


def test_outputs_and_their_trouble_are_told(plant: Plant, built: Built) -> None:
    built.answered("left")
    pipeline = plant.cameras.running[0].run.pipeline
    pipeline.outputs.failed("csv", OSError("full"))
    pipeline.outputs.lost("csv", 4)
    found = samples(plant)
    assert of_camera(found, "streamcls_output_failed", "left") == {("sink",): 0, ("csv",): 1}
    assert of_camera(found, "streamcls_output_dropped_total", "left")["csv",] == 4
    pipeline.outputs.recovered("csv")
    assert of_camera(samples(plant), "streamcls_output_failed", "left")["csv",] == 0


def test_the_plant_itself_is_told(plant: Plant, tmp_path: Path) -> None:
    def broken() -> PlantSettings:
        return settings_of("cameras: 3", tmp_path)

    def mistaken() -> PlantSettings:
        raise ValueError("a mistake of ours")

    assert plant.reload(broken, plant.look) is None
    assert plant.reload(mistaken, plant.look) is None
    assert plant.reload(lambda: settings_of(TWO, tmp_path), plant.look) is not None
    found = samples(plant)
    assert found["streamcls_up", ()] == 1
    assert found["streamcls_reloads_total", (("result", "applied"),)] == 1
    assert found["streamcls_reloads_total", (("result", "refused"),)] == 2
    (info,) = (dict(labels) for name, labels in found if name == "streamcls_info")
    assert info["backend"] == "fake"


# -- pages


@pytest.fixture
def pages(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    monkeypatch.setattr("streamcls.plant.listener._POLL_S", 0.01)
    with Pages(plant) as made:
        made.apply(listening(tmp_path))
        yield made


def listening(folder: Path, port: int = 0) -> PlantSettings:
    return settings_of(TWO + f'http: {{listen: "127.0.0.1:{port}"}}\n', folder)


def ask(pages: Pages, path: str) -> tuple[int, str]:
    assert pages.port is not None
    with closing(HTTPConnection("127.0.0.1", pages.port, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_ready_is_who_has_labels_of_all_cameras(pages: Pages, built: Built) -> None:
    assert ask(pages, "/readyz") == (503, "left: connecting\nright: connecting\n")
    built.answered("left")
    assert ask(pages, "/readyz") == (503, "right: connecting\n")
    built.answered("right")
    assert ask(pages, "/readyz") == (200, "ok\n")
    built.sources["left"][0].lose("the line is cut")
    assert ask(pages, "/readyz") == (503, "left: no signal\n")
    assert ask(pages, "/healthz") == (200, "ok\n")  # to be started again would help nobody


def test_health_is_whether_the_classifier_answers(
    pages: Pages, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(pages, "/healthz") == (200, "ok\n")
    monkeypatch.setattr("streamcls.plant.plant._STUCK_S", 0.0)
    assert ask(pages, "/healthz")[0] == 503


def test_numbers_come_in_the_text_format(pages: Pages) -> None:
    status, text = ask(pages, "/metrics")
    assert status == 200
    assert any(f.name == "streamcls_up" for f in text_string_to_metric_families(text))


def test_the_listener_goes_where_the_settings_say(pages: Pages, tmp_path: Path) -> None:
    before = pages.port
    pages.apply(listening(tmp_path))
    assert pages.port == before  # it goes on
    pages.apply(settings_of(TWO, tmp_path))
    assert pages.port is None
    pages.apply(listening(tmp_path))
    assert ask(pages, "/healthz")[0] == 200


def test_a_port_that_is_taken_leaves_the_one_from_before(pages: Pages, tmp_path: Path) -> None:
    with Pages(vars(pages)["_plant"]) as other:
        other.apply(listening(tmp_path))
        assert other.port is not None
        with pytest.raises(OutputPathError, match="can't listen there"):
            pages.apply(listening(tmp_path, other.port))
    assert ask(pages, "/healthz")[0] == 200
