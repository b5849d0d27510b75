"""The server goes away and comes back while somebody looks."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.integration.web_page.serving import Serving
from tests.integration.web_page.test_cameras import LIVE, tile
from tests.integration.web_page.visits import Visiting, await_other_picture


@pytest.fixture(autouse=True)
def nothing_left_behind(site: Serving) -> None:
    """The server is another process afterwards; `site` looks when it has ended."""


def test_the_page_says_so_and_recovers(
    visiting: Visiting, site: Serving, pictures: dict[str, Path]
) -> None:
    with visiting(forgiven=r"net::ERR_|status of 503 ") as page:
        page.goto("/#cameras")
        for name in LIVE:
            await_other_picture(tile(page, name).locator("canvas"))
        lost = page.get_by_role("status").filter(has_text="Connection lost; trying again.")
        expect(lost).to_have_count(0)
        site.stop()
        expect(lost).to_be_visible()
        page.get_by_role("link", name="Pictures").click()  # which still works
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose pictures").click()
        chooser.value.set_files(pictures["gear"])
        main = page.get_by_role("main")
        expect(main.get_by_text("Waiting for the connection …")).to_be_visible()
        site.start()
        expect(lost).to_have_count(0)
        expect(main.get_by_text("1 picture", exact=True)).to_be_visible()
        expect(main.get_by_role("listitem").filter(has_text="gear.jpg")).to_contain_text("%")
        page.get_by_role("link", name="Cameras").click()
        for name in LIVE:
            await_other_picture(tile(page, name).locator("canvas"))
