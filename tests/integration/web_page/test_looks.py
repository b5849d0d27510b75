"""Every view for every reader: two languages, two themes, phone and desktop, mouse or keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.integration.plant import until
from tests.integration.web_page.serving import Serving
from tests.integration.web_page.visits import (
    DESKTOP,
    OLD_SNAPSHOTS,
    PHONE,
    VIEWS,
    Visiting,
    assert_accessible,
    assert_fits,
)

_CHINESE = dict(zip(VIEWS, ("图片", "视频", "摄像头", "状态"), strict=True))
_TITLES = {"en-GB": VIEWS, "zh-CN": _CHINESE}


@pytest.fixture(scope="module")
def job(site: Serving) -> Iterator[str]:
    """A video that is done."""
    done = site.send("jobs", {"path": "night shift/line 2.mp4", "fps": 5})
    until(lambda: site.api(f"jobs/{done['id']}")["state"] == "done", "the video is done")
    yield str(done["id"])
    site.delete(f"jobs/{done['id']}")


def fill(page: Page, view: str, pictures: dict[str, Path]) -> None:
    """Waits until a view has all that it will have; with pictures of every outcome."""
    main = page.get_by_role("main")
    main.get_by_role("heading", level=1).wait_for()
    if view == "pictures":
        with page.expect_file_chooser() as chooser:
            main.get_by_role("button", name=re.compile("Choose pictures|选择图片")).click()
        (notes := pictures["gear"].with_name("notes.txt")).write_text("no picture")
        chooser.value.set_files([pictures["gear"], pictures["nut"], notes])
        expect(main.locator("[aria-busy=false]")).to_have_count(3)
    elif view.startswith("videos/"):
        expect(main.locator("ol button")).to_have_count(3)
    elif view == "cameras":
        expect(main.get_by_role("listitem").filter(has_text="%")).not_to_have_count(0)
    elif view.startswith("cameras/"):
        expect(main.get_by_role("slider")).to_be_visible()
        expect(main.locator("ol").last.get_by_role("listitem")).not_to_have_count(0)
    elif view == "status":
        expect(main.get_by_role("rowheader")).to_have_count(3)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", list(_TITLES))
def test_every_view_fits_and_is_accessible(
    language: str, theme: str, visiting: Visiting, job: str, pictures: dict[str, Path]
) -> None:
    options = {"locale": language, "color_scheme": theme, "forgiven": OLD_SNAPSHOTS}
    with visiting(**options) as page:
        page.goto("/")
        for view in (*VIEWS, f"videos/{job}", "cameras/Halle 3"):
            page.evaluate("view => { location.hash = view; }", view)
            tab, _, name = view.partition("/")
            title = name if name and tab == "cameras" else _TITLES[language][tab]
            expect(page).to_have_title(f"{title} · streamcls")
            fill(page, view, pictures)
            for size in (DESKTOP, PHONE):
                page.set_viewport_size(size)
                assert_fits(page)
                if (size == PHONE) == (theme == "dark"):  # axe takes its time
                    assert_accessible(page)


def test_dialogs_are_accessible(visiting: Visiting, job: str) -> None:
    with visiting(color_scheme="dark", viewport=PHONE) as page:
        page.goto("/#pictures")
        page.get_by_role("button", name="Take a photo").click()
        expect(page.get_by_role("button", name="Release the shutter")).to_be_enabled()
        assert_accessible(page)
        page.keyboard.press("Escape")
        page.goto(f"/#videos/{job}")
        page.get_by_role("button", name=re.compile("^Delete ")).click()
        assert_accessible(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name=re.compile("^Delete "))).to_be_visible()


def test_the_browsers_language_is_spoken_until_another_is_chosen(visiting: Visiting) -> None:
    with visiting(locale="zh-CN") as page:
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        expect(page.get_by_role("heading", level=1)).to_have_text("图片")
        for title in _TITLES["zh-CN"].values():
            expect(page.get_by_role("navigation").get_by_role("link", name=title)).to_be_visible()
        page.get_by_role("button", name="English").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Pictures")
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.get_by_role("heading", level=1)).to_have_text("Pictures")
        page.get_by_role("button", name="中文").click()
        expect(page).to_have_title("图片 · streamcls")


def test_the_systems_theme_is_used_until_another_is_chosen(visiting: Visiting) -> None:
    with visiting(color_scheme="dark") as page:
        page.goto("/")
        dark = background(page)
        page.emulate_media(color_scheme="light")
        expect(page.locator("body")).not_to_have_css("background-color", dark)
        theme = page.get_by_role("button", name=re.compile("^Theme"))
        while "dark" not in (theme.get_attribute("aria-label") or ""):
            theme.click()
        expect(page.locator("body")).to_have_css("background-color", dark)
        page.reload()
        expect(page.locator("body")).to_have_css("background-color", dark)


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Choose pictures").wait_for()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose pictures")).to_be_focused()
    assert_marked(page.get_by_role("button", name="Choose pictures"))

    page.reload()
    page.get_by_role("button", name="Choose pictures").wait_for()
    for name in ("Skip to the content", "streamcls", *VIEWS.values()):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
        assert_marked(page.get_by_role("link", name=name, exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Status", level=1)).to_be_focused()
    expect(page.get_by_role("link", name="Status")).to_have_attribute("aria-current", "page")


def assert_marked(focused: Locator) -> None:
    """Who looks can see where the focus is."""
    style = "node => [getComputedStyle(node).outlineStyle, getComputedStyle(node).outlineWidth]"
    kind, width = focused.evaluate(style)
    assert kind != "none", kind
    assert float(width.removesuffix("px")) >= 2
