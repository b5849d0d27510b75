"""Numbers and the log for whoever runs it, and no secret in them or anywhere else."""

import json
import re
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.integration.plant import until
from tests.integration.web_page.serving import Serving
from tests.integration.web_page.visits import SECRET, VIEWS

ANSWERS = (
    *("info", "cameras", "cameras/ghost", "cameras/ghost/timeline", "status", "jobs", "files"),
    *("openapi.json",),
)


def test_model_ledgers_and_log(page: Page, site: Serving) -> None:
    page.goto("/#status")
    main = page.get_by_role("main")
    model = main.locator("section").filter(has=page.get_by_role("heading", name="Model"))
    expect(model).to_contain_text("demo")
    expect(model).to_contain_text(site.api("info")["model"]["backend"])
    table = main.get_by_role("table")
    for name in ("infeed", "Halle 3", "ghost"):
        row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))
        expect(row).to_contain_text("Balances")
        expect(row).to_contain_text("No signal" if name == "ghost" else "Live")
    log = main.get_by_role("region", name="Log")
    expect(log.get_by_text(re.compile("ghost: no signal: connection refused"))).to_be_visible()
    read = table.get_by_role("row").filter(has_text="infeed").get_by_role("cell").nth(5)
    before = int(read.inner_text().replace(",", ""))
    expect(read).not_to_have_text(re.compile(rf"^{before:,}$"))  # it goes on by itself


def test_no_answer_holds_the_password(site: Serving) -> None:
    for path in ANSWERS:
        assert SECRET not in site.get(f"/api/v1/{path}").decode(), path
    for path in ("/metrics", "/healthz"):
        assert SECRET not in site.get(path).decode(), path
    assert SECRET not in site.said()
    assert "***" in json.dumps(site.api("cameras/ghost"))  # or it would be found nowhere anyway
    told: list[str] = []
    with urllib.request.urlopen(f"{site.url}/api/v1/events?camera=ghost", timeout=10) as events:
        for verb in ("stop", "start"):
            urllib.request.urlopen(
                urllib.request.Request(f"{site.url}/api/v1/cameras/ghost/{verb}", b""), timeout=10
            ).close()

        def is_told() -> bool:
            told.append(events.readline().decode())
            return "no_signal" in told[-1]

        until(is_told, "the camera's state is told")
    assert SECRET not in "".join(told)


def test_no_view_holds_the_password(page: Page) -> None:
    for view in (*VIEWS, "cameras/ghost"):
        page.goto(f"/#{view}")
        page.get_by_role("heading", level=1).wait_for()
        if view in ("status", "cameras", "cameras/ghost"):
            expect(page.get_by_text(re.compile("connection refused")).first).to_be_visible()
        assert SECRET not in page.content(), view


def test_pictures_count(page: Page, site: Serving, pictures: dict[str, Path]) -> None:
    before = site.api("status")["pictures"]["classified"]
    page.goto("/#pictures")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose pictures").click()
    chooser.value.set_files(pictures["gear"])
    expect(page.get_by_role("main").get_by_text("1 picture", exact=True)).to_be_visible()
    page.get_by_role("link", name="Status").click()
    counted = page.get_by_role("definition").filter(has_text=re.compile(rf"^{before + 1}$"))
    expect(counted.first).to_be_visible()
