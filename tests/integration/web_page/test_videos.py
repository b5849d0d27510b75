"""Videos: on their way up, at work, and played in the page with what they show."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.integration.web_page.serving import Serving


def choose(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a video").click()
    chooser.value.set_files(path)


def video(page: Page, name: str) -> Locator:
    return page.get_by_label(f"Annotated video of {name}")


def seconds(page: Page, name: str) -> float:
    """Where the video is."""
    return cast(float, video(page, name).evaluate("video => video.currentTime"))


def until_at(page: Page, name: str, at_s: float) -> None:
    expect(video(page, name)).to_have_js_property("seeking", False)
    page.wait_for_function(
        "([video, at]) => Math.abs(video.currentTime - at) < 0.2",
        arg=[video(page, name).element_handle(), at_s],
    )


def delete(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.fixture
def shown(page: Page, clip: Path, site: Serving) -> Iterator[Page]:
    """A video that was uploaded, and plays in the page; deleted in the end."""
    page.goto("/#videos")
    slow = page.context.new_cdp_session(page)
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1}
    bytes_s = clip.stat().st_size / 20  # so that it lasts until somebody has looked
    slow.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": bytes_s})
    choose(page, clip)
    expect(page.get_by_role("progressbar", name="Upload of belt.mp4")).to_be_visible()
    slow.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": -1})
    expect(page.get_by_role("progressbar", name="Progress of belt.mp4")).to_be_visible()
    page.wait_for_url(re.compile("#videos/[0-9a-f]{16}$"))  # it opens when it is done
    yield page
    delete(page, "belt.mp4")
    expect(page.get_by_role("button", name="Delete belt.mp4")).to_have_count(0)
    assert site.api("jobs")["jobs"] == []
    assert not [path for path in (site.folder / "jobs").iterdir() if path.is_dir()]


def test_an_uploaded_video_plays_above_what_it_shows(
    shown: Page, site: Serving, pictures: dict[str, Path]
) -> None:
    page, name = shown, "belt.mp4"
    expect(page.get_by_role("heading", name="belt.mp4").first).to_be_visible()
    page.wait_for_function("video => video.readyState >= 2", arg=video(page, name).element_handle())
    assert video(page, name).evaluate("video => video.duration") == pytest.approx(6, abs=0.2)

    (job,) = site.api("jobs")["jobs"]
    told = json.loads(site.get(job["files"]["segments"]))["segments"]
    assert [one["label"] for one in told] == list(pictures)[:3]
    begins = [float(one["start_s"]) for one in told]
    segments = page.get_by_role("list", name="Segments").get_by_role("button")
    expect(segments).to_have_count(3)
    for segment, part in zip(segments.all(), pictures, strict=False):
        expect(segment).to_contain_text(part)
    segments.nth(1).click()
    until_at(page, name, begins[1])
    expect(segments.nth(1)).to_have_attribute("aria-current", "true")

    video(page, name).evaluate("video => video.play()")
    page.wait_for_function(
        "([video, at]) => video.currentTime > at + 0.5",
        arg=[video(page, name).element_handle(), begins[1]],
    )
    video(page, name).evaluate("video => video.pause()")

    timeline = page.get_by_role("slider", name="Timeline")
    timeline.focus()
    for key, at_s in (("Home", 0), ("ArrowRight", 1), ("PageUp", begins[1]), ("End", 6)):
        page.keyboard.press(key)
        until_at(page, name, at_s)
    page.keyboard.press("PageDown")
    until_at(page, name, begins[2])
    expect(timeline).to_have_attribute("aria-valuetext", re.compile(told[2]["label"]))
    box = timeline.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 12)
    until_at(page, name, 4.5)

    for kind, first in (("CSV", "camera,frame,pts_s,"), ("VTT", "WEBVTT")):
        with page.expect_download() as saved:
            page.get_by_label("belt.mp4", exact=True).get_by_role(
                "link", name=f"Download {kind} of belt.mp4"
            ).click()
        text = Path(saved.value.path()).read_text("utf-8-sig")
        assert text.startswith(first), text[:100]
        if kind == "CSV":
            assert len(list(csv.DictReader(text.splitlines()))) == 60
        else:
            assert text.count(" --> ") == 3


def test_a_video_of_the_servers_folder(page: Page, site: Serving) -> None:
    page.goto("/#videos")
    page.get_by_label("Classify").select_option("5")
    page.get_by_label(re.compile("^From the server.s folder")).select_option(
        "night shift/line 2.mp4"
    )
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("progressbar", name=re.compile("Progress of .*line 2"))).to_be_visible()
    page.wait_for_url(re.compile("#videos/[0-9a-f]{16}$"))
    expect(page.get_by_role("list", name="Segments").get_by_role("button")).to_have_count(3)
    (job,) = site.api("jobs")["jobs"]
    table = site.get(job["files"]["csv"]).decode().splitlines()
    assert len(list(csv.DictReader(table))) == 30  # every other frame
    delete(page, "night shift/line 2.mp4")
    expect(page).to_have_url(re.compile("#videos$"))
    assert (site.folder / "videos" / "night shift" / "line 2.mp4").is_file()


def test_what_is_no_video_says_so(page: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42 nothing")
    page.goto("/#videos")
    choose(page, tmp_path / "broken.mp4")
    job = page.get_by_role("listitem").filter(has_text="broken.mp4")
    expect(job.get_by_text("Failed")).to_be_visible()
    expect(job.get_by_text(re.compile(r"broken\.mp4: \w+"))).to_be_visible()
    delete(page, "broken.mp4")
    expect(page.get_by_text("No videos yet.")).to_be_visible()
