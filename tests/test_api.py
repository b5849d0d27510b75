import re
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import streamcls
from streamcls import errors, records
from streamcls.api import ModelOptions, StreamOptions
from streamcls.config.options import options
from streamcls.config.settings import OutputSettings

# Programs get results; they write what they want.
NOT_FOR_PROGRAMS = set(OutputSettings.model_fields)


def test_public_names_are_sorted_and_there() -> None:
    assert streamcls.__all__ == sorted(streamcls.__all__)
    for name in streamcls.__all__:
        assert getattr(streamcls, name) is not None


def test_every_error_is_public() -> None:
    own = {
        n
        for n, e in vars(errors).items()
        if isinstance(e, type) and e.__module__ == errors.__name__
    }
    assert own <= set(streamcls.__all__)


def test_the_tree_of_errors_is_as_drawn() -> None:
    drawn = re.findall(r"── (\w+)", errors.__doc__ or "")
    for name in drawn:
        assert issubclass(getattr(errors, name), errors.StreamclsError)
    own = {n for n, e in vars(errors).items() if isinstance(e, type) and issubclass(e, Exception)}
    assert set(drawn) | {"StreamclsError"} == own


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.SettingsError, ValueError),
        (errors.SourceNotFoundError, FileNotFoundError),
        (errors.SourceError, OSError),
        (errors.OutputPathError, OSError),
        (errors.MissingPackageError, ImportError),
    ],
)
def test_errors_are_builtin_errors_too(error: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(error, builtin)


def test_options_of_the_api_are_those_of_the_command_line() -> None:
    """So a new setting can't be forgotten here."""
    names = set(StreamOptions.__annotations__) | set(ModelOptions.__annotations__)
    assert names == set(options()) - NOT_FOR_PROGRAMS


def test_stream_yields_classified_frames(demo_clip: Path) -> None:
    found = [
        (r.frame.index, r.frame.pts_s, r.top(1)[0].label, r.steady)
        for r in streamcls.stream(demo_clip, model="demo", every=50, duration=8)
    ]
    assert [index for index, *_ in found] == [0, 50, 100, 150]
    assert [pts_s for _, pts_s, *_ in found] == [0.0, 2.0, 4.0, 6.0]
    assert found[1][2] == "bracket"


def test_all_frames_with_the_latest_answer(demo_clip: Path) -> None:
    results = list(
        streamcls.stream(str(demo_clip), model="demo", every=10, duration=1, all_frames=True)
    )
    assert [r.frame.index for r in results] == list(range(25))
    assert [r.raw is not None for r in results] == [i % 10 == 0 for i in range(25)]
    latest = None
    for one in results:
        latest = one.raw or latest
        assert one.last is latest
        assert one.top(3) and len(one.top(3)) == 3
        if one.raw is not None:
            assert one.timing is not None and one.timing.age_ms > 0


def test_frames_are_bgr_and_read_only(demo_clip: Path) -> None:
    result = next(iter(streamcls.stream(demo_clip, model="demo")))
    image = result.frame.image
    assert image.shape == (720, 1280, 3)
    assert image.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 0


@pytest.mark.parametrize("how", ["break", "raise", "exhaust", "never"])
def test_no_thread_is_left_however_the_loop_ends(how: str, demo_clip: Path) -> None:
    results = streamcls.stream(demo_clip, model="demo", duration=1)
    try:
        for _ in results if how != "never" else ():
            if how == "break":
                break
            if how == "raise":
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    del results
    assert not [t for t in threading.enumerate() if t.name.startswith("streamcls")]


def test_errors_come_at_the_call_not_in_the_loop(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        streamcls.stream(tmp_path / "no.mp4")
    with pytest.raises(ValueError, match="--every"):
        streamcls.stream("clip.mp4", every=0)


def test_a_password_in_an_address_is_not_in_the_error() -> None:
    with pytest.raises(errors.SettingsError, match="gopher:// can't be read") as raised:
        streamcls.stream("gopher://anna:geheim@10.0.0.7/cam")
    assert "geheim" not in str(raised.value)


def test_a_live_source_comes_as_results_until_the_loop_ends() -> None:
    found = []
    for result in streamcls.stream("sim://?size=320x180", model="demo", fps=20):
        found.append(result)
        if len(found) == 5:
            break
    assert all(r.raw is not None and r.frame.image.shape == (180, 320, 3) for r in found)
    assert all(r.status is not None and r.status.state == "ok" for r in found)
    times = [r.frame.pts_s for r in found]
    assert times == sorted(set(times))
    assert all(r.frame.captured_utc and r.frame.time_source == "monotonic" for r in found)


def test_all_frames_of_a_live_source_come_at_once_and_classified_ones_again() -> None:
    shown: list[int] = []
    answered: list[int] = []
    for result in streamcls.stream("sim://?size=320x180", model="demo", all_frames=True, every=5):
        (shown if result.raw is None else answered).append(result.frame.index)
        if len(answered) == 3:
            break
    assert set(answered) <= set(shown)
    assert all(index % 5 == 0 for index in answered)
    assert len(shown) > len(answered)


def test_a_live_source_that_is_given_up_ends_the_loop_with_the_reason() -> None:
    with pytest.raises(
        errors.SourceError, match=r"sim: connection refused.* given up after one try"
    ):
        list(streamcls.stream("sim://?drop=0", model="demo", max_retries=0))


def test_unknown_options_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(errors.SettingsError, match="evry: unknown option, did you mean 'every'"):
        streamcls.stream("clip.mp4", evry=2)  # type: ignore[call-arg]
    with pytest.raises(errors.SettingsError, match="csv: unknown option"):
        streamcls.stream("clip.mp4", csv="o.csv")  # type: ignore[call-arg]
    with pytest.raises(errors.SettingsError, match="every: unknown option"):
        streamcls.classify("a.jpg", every=2)  # type: ignore[call-arg]


def test_two_at_once(demo_clip: Path) -> None:
    """torch.fx, which folds the network, is not made for that."""
    import torch

    found: list[int | BaseException] = []

    def work() -> None:
        try:
            options: StreamOptions = {"model": "demo", "every": 10, "duration": 1, "threads": 1}
            found.append(len(list(streamcls.stream(demo_clip, **options))))
        except Exception as error:  # noqa: BLE001
            found.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3, 3, 3, 3]
    assert torch.nn.Linear(2, 2)(torch.zeros(1, 2)).shape == (1, 2)


def test_public_names_are_seen_and_loaded_once() -> None:
    assert set(streamcls.__all__) <= set(dir(streamcls))
    assert streamcls.Result is records.Result
    assert "Result" in vars(streamcls)
    with pytest.raises(AttributeError, match="no attribute 'rseult'"):
        streamcls.rseult  # noqa: B018


def test_top_k_is_what_top_gives(demo_clip: Path) -> None:
    result = next(iter(streamcls.stream(demo_clip, model="demo", top_k=5)))
    assert (len(result.top()), len(result.top(2))) == (5, 2)


def test_the_programs_own_threads_in_torch_stay_as_they_were(demo_clip: Path) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for result in streamcls.stream(demo_clip, model="demo", duration=0.1):
            streamcls.classify(result.frame.image, model="demo", threads=1)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.array("text"),
    ],
    ids=["grey", "four channels", "empty", "float", "text"],
)
def test_arrays_that_are_no_pictures(picture: NDArray[np.uint8]) -> None:
    with pytest.raises(errors.PictureError, match=r"not \(H, W, 3\) uint8 but"):
        streamcls.classify(picture, model="demo")


def test_weights_that_are_not_there(demo_clip: Path) -> None:
    with pytest.raises(errors.ModelSettingsError, match=r"nope\.pth: No such file"):
        streamcls.stream(demo_clip, model="demo", weights="nope.pth")


def test_classify_takes_files_and_arrays(demo_clip: Path, tmp_path: Path) -> None:
    from streamcls.media import cv2

    frame = next(iter(streamcls.stream(demo_clip, model="demo", start=2))).frame.image
    path = tmp_path / "frame.png"
    cv2.imwrite(str(path), frame)
    one, two = streamcls.classify(frame, path, model="demo")
    assert one.top(1)[0].label == two.top(1)[0].label == "bracket"
    np.testing.assert_array_equal(one.probs, two.probs)
    assert streamcls.classify(model="demo") == []


def test_labels_can_be_given(demo_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("\n".join("ABCDEFGHI"))
    given = tmp_path / "l.txt"
    result = next(iter(streamcls.stream(demo_clip, model="demo", labels=given, backend="torch")))
    assert isinstance(result, records.Result)
    assert set(result.top(9)[i].label for i in range(9)) == set("ABCDEFGHI")
