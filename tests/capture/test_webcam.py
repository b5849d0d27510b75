"""No real camera was tried: a fake stands where OpenCV would open the device."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from streamcls.capture.live import LiveSource, Retries, Trust
from streamcls.capture.webcam import Webcam, WebcamFinder, as_bgr
from streamcls.errors import SignalLostError
from streamcls.media import cv2
from streamcls.records import LiveFrame, Lost
from tests.capture.fake_camera import Device, Machine, Picture, colour, on

pytestmark = pytest.mark.alone


def finder(device: str = "0", by_id: Path = Path("/nonexistent/by-id")) -> WebcamFinder:
    return WebcamFinder(device, by_id)


# -- there and not there


@pytest.mark.parametrize(
    ("device", "place"), [("0", 0), ("12", 12), ("/dev/video7", "/dev/video7")]
)
def test_numbers_and_paths_are_opened_as_such(
    machine: Machine, device: str, place: int | str
) -> None:
    machine.devices[place] = Device()
    camera = Webcam(finder(device))
    assert machine.places == [place]
    assert camera.description == f"webcam at {place}, 640x480, read through OpenCV"
    camera.close()


@pytest.mark.parametrize(
    ("platform", "api"),
    [("linux", cv2.CAP_V4L2), ("darwin", cv2.CAP_ANY), ("win32", cv2.CAP_ANY)],
)
def test_how_it_is_opened(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, platform: str, api: int
) -> None:
    on(monkeypatch, platform)
    machine.devices[0] = Device()
    Webcam(finder()).close()
    assert machine.opened[0].api == api
    assert machine.opened[0].asked == {cv2.CAP_PROP_BUFFERSIZE: 1}


@pytest.mark.parametrize("busy", [False, True])
def test_one_that_is_not_there_or_busy_is_lost_for_now(machine: Machine, busy: bool) -> None:
    if busy:
        machine.devices[3] = Device(busy=True)
    with pytest.raises(SignalLostError, match=r"^no camera answers at 3, or another") as raised:
        Webcam(finder("3"))
    assert not raised.value.hold
    assert machine.opened[0].released == 1


def test_unplugged_in_the_middle(machine: Machine) -> None:
    machine.devices[0] = Device([colour(), colour(1)])
    camera = Webcam(finder())
    shots = camera.shots()
    assert [shot.fault for shot in islice(shots, 2)] == [None, None]
    with pytest.raises(SignalLostError, match="no more pictures; unplugged") as raised:
        next(shots)
    assert not raised.value.hold
    camera.close()


def test_close_lets_go_of_the_device_and_can_be_repeated(machine: Machine) -> None:
    machine.devices[0] = Device([colour()])
    camera = Webcam(finder())
    assert machine.opened[0].released == 0
    camera.close()
    camera.close()
    assert machine.opened[0].released >= 1
    with pytest.raises(SignalLostError):
        next(camera.shots())


# -- other numbers


class Dev:
    """Files that stand for devices, and the names that Linux keeps for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_id = folder / "v4l" / "by-id"
        self.by_id.mkdir(parents=True)

    def path(self, number: int) -> str:
        return str(self.folder / f"video{number}")

    def plug(self, name: str, number: int) -> str:
        Path(self.path(number)).touch()
        (self.by_id / name).symlink_to(f"../../video{number}")
        return self.path(number)

    def unplug(self, name: str) -> None:
        link = self.by_id / name
        link.resolve().unlink()
        link.unlink()


@pytest.fixture
def dev(tmp_path: Path) -> Dev:
    return Dev(tmp_path.resolve())


def test_a_camera_is_found_again_under_another_number(machine: Machine, dev: Dev) -> None:
    first = dev.plug("usb-Acme_Cam_1234-video-index0", 0)
    dev.plug("usb-A_Cam_9-video-index0", 1)
    machine.devices[first] = Device()
    found = finder(first, dev.by_id)
    Webcam(found).close()
    dev.unplug("usb-Acme_Cam_1234-video-index0")
    with pytest.raises(SignalLostError):
        machine.devices.clear()
        Webcam(found)
    second = dev.plug("usb-Acme_Cam_1234-video-index0", 2)
    machine.devices[second] = Device()
    camera = Webcam(found)
    assert camera.description.startswith(f"webcam at {second},")
    assert machine.places[0] == first
    assert machine.places[-1] == second
    camera.close()


def test_the_lasting_name_is_followed_where_the_number_is_anothers_now(
    machine: Machine, dev: Dev
) -> None:
    first = dev.plug("usb-Acme-video-index0", 0)
    machine.devices[first] = Device()
    found = finder(first, dev.by_id)
    Webcam(found).close()
    dev.unplug("usb-Acme-video-index0")
    dev.plug("usb-Other-video-index0", 0)
    second = dev.plug("usb-Acme-video-index0", 2)
    machine.devices[second] = Device()
    Webcam(found).close()
    assert machine.places == [first, second]


def test_a_number_has_a_lasting_name_too(dev: Dev) -> None:
    (dev.by_id / "usb-Acme-video-index0").symlink_to("/dev/video4321")
    found = finder("4321", dev.by_id)
    found.remember(found.place())
    with pytest.raises(SignalLostError, match="usb-Acme-video-index0 is unplugged"):
        found.place()  # there is no such device here; its number may be another camera's
    (dev.by_id / "usb-Acme-video-index0").unlink()
    path = dev.plug("usb-Acme-video-index0", 2)
    assert found.place() == path


def test_one_without_a_lasting_name_is_opened_as_the_user_says(machine: Machine, dev: Dev) -> None:
    path = dev.plug("usb-Acme-video-index0", 0)
    (dev.by_id / "usb-Acme-video-index0").unlink()
    machine.devices[path] = Device()
    found = finder(path, dev.by_id)
    Webcam(found).close()
    Webcam(found).close()
    assert machine.places == [path, path]


def test_the_first_one_is_the_one(dev: Dev) -> None:
    first, other = dev.plug("usb-Acme-video-index0", 0), dev.plug("usb-Other-video-index0", 1)
    found = finder(first, dev.by_id)
    found.remember(first)
    found.remember(other)
    assert found.place() == first


def test_one_that_could_not_be_opened_is_not_remembered(machine: Machine, dev: Dev) -> None:
    path = dev.plug("usb-Acme-video-index0", 0)
    found = finder(path, dev.by_id)
    with pytest.raises(SignalLostError):
        Webcam(found)
    dev.unplug("usb-Acme-video-index0")
    dev.plug("usb-Acme-video-index0", 2)
    assert found.place() == path


# -- odd formats


def test_pictures_are_read_only_and_contiguous(machine: Machine) -> None:
    mirrored = colour()[:, ::-1]
    machine.devices[0] = Device([mirrored])
    image = next(Webcam(finder()).shots()).picture
    assert isinstance(image, np.ndarray)
    assert image.flags.c_contiguous
    assert not image.flags.writeable
    assert np.array_equal(image, mirrored)


def yuyv(y: int, u: int, v: int) -> Picture:
    picture = np.full((4, 6, 2), y, np.uint8)
    picture[:, 0::2, 1] = u
    picture[:, 1::2, 1] = v
    return picture


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.full((4, 6), 77, np.uint8), (77, 77, 77)),
        (np.full((4, 6, 1), 77, np.uint8), (77, 77, 77)),
        (np.full((4, 6), 0x8034, np.uint16), (128, 128, 128)),
        (np.full((4, 6, 1), 0x8034, np.uint16), (128, 128, 128)),
        (yuyv(81, 90, 240), (0, 0, 254)),
        (yuyv(41, 240, 110), (255, 0, 0)),
        (np.full((4, 6, 3), (10, 20, 30), np.uint8), (10, 20, 30)),
        (np.full((4, 6, 3), (0x0A00, 0x14FF, 0x1E00), np.uint16), (10, 20, 30)),
        (np.full((4, 6, 4), (10, 20, 30, 0), np.uint8), (10, 20, 30)),
    ],
    ids=["grey", "grey1", "grey16", "grey16-1", "yuyv red", "yuyv blue", "bgr", "bgr16", "bgra"],
)
def test_odd_formats_become_bgr(picture: Picture, expected: tuple[int, int, int]) -> None:
    image = as_bgr(picture)
    assert image is not None
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - expected).max() <= 2
    assert image.flags.c_contiguous
    assert not image.flags.writeable


@pytest.mark.parametrize(
    "picture",
    [
        None,
        np.zeros((0, 0, 3), np.uint8),
        np.zeros(0, np.uint8),
        np.zeros((4, 6, 3), np.float32),
        np.zeros((4, 6), np.int16),
        np.zeros((4, 6, 5), np.uint8),
        np.zeros((2, 4, 6, 3), np.uint8),
        np.zeros(500, np.uint8),
    ],
    ids=["none", "empty", "empty1", "float", "int16", "5 channels", "4 axes", "1 axis"],
)
def test_what_is_no_picture_is_undecodable_and_the_next_one_is_read(
    machine: Machine, picture: Picture | None
) -> None:
    assert as_bgr(picture) is None
    machine.devices[0] = Device([picture, colour()])
    odd, good = islice(Webcam(finder()).shots(), 2)
    assert (odd.picture, odd.fault) == (None, "undecodable")
    assert good.fault is None
    assert good.picture is not None


def test_what_opencv_could_not_retrieve_is_undecodable(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.devices[0] = Device([colour()])
    camera = Webcam(finder())
    monkeypatch.setattr(machine.opened[0], "retrieve", lambda: (False, colour()))
    shot = next(camera.shots())
    assert (shot.picture, shot.fault) == (None, "undecodable")


# -- times


class Clock:
    def __init__(self) -> None:
        self.now_s = 500.0

    def monotonic_ns(self) -> int:
        return round(self.now_s * 1e9)

    def time(self) -> float:
        return 1.7e9


def test_arrival_is_taken_when_it_is_grabbed_not_when_it_is_converted(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("streamcls.clock.time", clock)
    machine.devices[0] = Device([colour()])
    camera = Webcam(finder())
    slow = machine.opened[0].retrieve

    def retrieve() -> tuple[bool, Picture | None]:
        clock.now_s += 0.25
        return slow()

    monkeypatch.setattr(machine.opened[0], "retrieve", retrieve)
    assert next(camera.shots()).arrived_ns == 500_000_000_000


@pytest.mark.parametrize(
    ("platform", "taken_ms", "expected"),
    [
        ("linux", [4000.0, 4033.5], [4.0, 4.0335]),
        ("linux", [0.0, 0.0], [None, None]),
        ("linux", [-1.0, 4033.5], [None, 4.0335]),
        ("darwin", [4000.0, 4033.5], [None, None]),
        ("win32", [4000.0, 4033.5], [None, None]),
    ],
)
def test_the_drivers_times_are_used_where_they_mean_something(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    taken_ms: list[float],
    expected: list[float | None],
) -> None:
    on(monkeypatch, platform)
    machine.devices[0] = Device([colour(), colour(1)], taken_ms)
    assert [shot.media_s for shot in islice(Webcam(finder()).shots(), 2)] == expected


@pytest.mark.parametrize("stamped", [True, False])
def test_slower_in_the_dark_than_it_promises_is_not_late(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, stamped: bool
) -> None:
    clock = Clock()
    monkeypatch.setattr("streamcls.clock.time", clock)
    gaps_s = iter([1 / 30] * 60 + [1 / 7.5] * 60)  # it gets dark in the middle; it promises 30

    def pass_time() -> None:
        clock.now_s += next(gaps_s)

    taken_ms = np.cumsum([1000 / 30] * 60 + [1000 / 7.5] * 60) + 4000
    pictures = [colour(i) for i in range(120)]
    machine.devices[0] = Device(list(pictures), taken_ms.tolist() if stamped else [])
    machine.devices[0].before_grab = pass_time
    source = LiveSource(
        lambda: Webcam(finder()),
        camera="webcam0",
        retries=Retries(),
        trust=Trust(frozen_after_s=10, max_delay_s=0.5),
        wait=lambda seconds: seconds > 0,
    )
    items = list(source.watch())
    frames = [item for item in items if isinstance(item, LiveFrame)]
    assert [frame.fault for frame in frames] == [None] * 120
    assert frames[50].duration_s == pytest.approx(1 / 30)
    assert frames[-1].duration_s == pytest.approx(1 / 7.5)
    assert isinstance(items[-1], Lost)
    assert machine.opened[0].released == 1
