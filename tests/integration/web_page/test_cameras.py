"""The wall, one camera large, its last hour, and stop and start."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from streamcls.media import cv2
from tests.integration.web_page.serving import Serving
from tests.integration.web_page.visits import OLD_SNAPSHOTS, SECRET, Visiting, await_other_picture

LIVE = ("infeed", "Halle 3")
_FACTS = re.compile(r"^[\d.]+ fps · [\d.]+ labels/s · \d+ ms old$")
_PER_CENT = re.compile(r"^\d+(\.\d)?%$")


def tile(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("link", name=name, exact=True))


def badge(page: Page, words: str) -> Locator:
    return page.get_by_role("main").get_by_text(words, exact=True).first


def test_every_camera_is_live_on_the_wall(page: Page) -> None:
    page.goto("/#cameras")
    expect(page.get_by_text("2 of 3 with a picture")).to_be_visible()
    for name in LIVE:
        await_other_picture(tile(page, name).locator("canvas"))
        expect(tile(page, name).get_by_text("Live", exact=True)).to_be_visible()
        expect(tile(page, name).get_by_text(_FACTS)).to_be_visible()


def test_the_likeliest_labels_of_the_picture_or_of_each_region(page: Page) -> None:
    page.goto("/#cameras")
    bars = tile(page, "infeed").get_by_role("list").get_by_role("listitem")
    expect(bars.get_by_text(_PER_CENT)).to_have_count(3)
    for region in ("left", "right"):
        expect(tile(page, "Halle 3").get_by_role("term").get_by_text(region)).to_be_visible()
    expect(tile(page, "Halle 3").get_by_role("definition").get_by_text(_PER_CENT)).to_have_count(2)


def test_a_dead_camera_says_why(page: Page) -> None:
    page.goto("/#cameras")
    expect(tile(page, "ghost").get_by_text("No signal", exact=True)).to_be_visible()
    expect(tile(page, "ghost").get_by_text(re.compile("connection refused"))).to_be_visible()
    await_other_picture(tile(page, "ghost").locator("canvas"))
    page.get_by_role("link", name="ghost").click()
    expect(page.get_by_role("heading", name="ghost", level=1)).to_be_focused()
    expect(badge(page, "No signal")).to_be_visible()
    expect(page.get_by_text("rtsp://anna:***@127.0.0.1:9/cam")).to_be_visible()
    expect(page.get_by_role("main")).not_to_contain_text(SECRET)


@pytest.fixture
def large(visiting: Visiting) -> Iterator[Page]:
    with visiting(forgiven=OLD_SNAPSHOTS) as page:
        page.goto("/#cameras")
        page.get_by_role("link", name="Halle 3").click()
        yield page


def test_one_camera_large_with_its_last_hour(large: Page) -> None:
    page = large
    expect(page.get_by_role("heading", name="Halle 3", level=1)).to_be_focused()
    live = page.get_by_role("img", name="Live picture of Halle 3")
    expect(live).to_have_js_property("naturalWidth", 480)
    await_other_picture(live)

    events = page.get_by_role("list", name="Events")
    expect(events.get_by_text(re.compile("^left · "))).not_to_have_count(0)
    expect(events.get_by_text(re.compile("^right · "))).not_to_have_count(0)
    timeline = page.get_by_role("slider", name="Timeline of the last hour")
    for lane in ("left", "right"):
        expect(timeline.get_by_text(lane, exact=True)).to_be_visible()
    timeline.focus()
    page.keyboard.press("End")
    page.keyboard.press("PageDown")  # to the beginning of the last segment
    something = re.compile(r"^\d\d:\d\d:\d\d, (?!nothing)")
    expect(timeline).to_have_attribute("aria-valuetext", something)

    picture = events.get_by_role("button", name=re.compile("^Picture of ")).last
    picture.click()
    snapshot = page.get_by_role("dialog").get_by_role("img", name=re.compile("^Event snapshot"))
    expect(snapshot).to_have_js_property("complete", True)
    assert snapshot.evaluate("image => image.naturalWidth") > 0
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(picture).to_be_focused()
    page.get_by_role("link", name="All cameras").click()
    expect(page.get_by_role("heading", name="Cameras", level=1)).to_be_visible()


def test_a_snapshot_is_a_jpeg(page: Page) -> None:
    page.goto("/#cameras/infeed")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Snapshot").click()
    assert re.fullmatch(r"infeed-[\d-]+T[\d-]+\.jpg", saved.value.suggested_filename)
    path = Path(saved.value.path())
    assert path.read_bytes()[:3] == b"\xff\xd8\xff"
    image = cv2.imread(str(path))
    assert image is not None
    assert image.shape == (360, 640, 3)


def test_a_camera_is_stopped_and_started_again(page: Page, site: Serving) -> None:
    page.goto("/#cameras/infeed")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(badge(page, "Stopped")).to_be_visible()
    assert not site.api("cameras/infeed")["running"]
    page.get_by_role("link", name="All cameras").click()
    expect(tile(page, "infeed").get_by_text("Stopped", exact=True)).to_be_visible()
    expect(tile(page, "Halle 3").get_by_text("Live", exact=True)).to_be_visible()
    page.get_by_role("link", name="infeed").click()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(badge(page, "Live")).to_be_visible()
    await_other_picture(page.get_by_role("img", name="Live picture of infeed"))


@pytest.mark.parametrize("name", ["nobody", "../info"])
def test_a_camera_that_is_none(name: str, visiting: Visiting) -> None:
    with visiting(forgiven=r"status of 404 ") as page:
        page.goto(f"/#cameras/{name}")
        expect(page.get_by_text(f"There is no camera named {name}.")).to_be_visible()
