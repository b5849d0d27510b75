"""Somebody with a browser of their own, and what went wrong in it behind their back."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize

Visiting: TypeAlias = Callable[..., AbstractContextManager[Page]]

# Only so many are kept: the picture of an old event may go while the page is about to ask for it.
OLD_SNAPSHOTS = r"status of 404 .*/snapshots/"
SECRET = "geheim"  # in the address of the camera that can't be reached
PHONE, DESKTOP = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=800)
VIEWS = {
    "pictures": "Pictures",
    "videos": "Videos",
    "cameras": "Cameras",
    "status": "Status",
}
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--mute-audio"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    "--autoplay-policy=no-user-gesture-required",
)
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
WAIT_MS = 20_000  # for what is sure to come, on a busy machine too


@contextmanager
def visit(browser: Browser, url: str, *, forgiven: str = "", **options: Any) -> Iterator[Page]:
    """A page of a new visitor; at the end nothing may have gone wrong that they didn't see.

    Args:
        browser: which they use.
        url: of the server; anything else must not be asked.
        forgiven: a pattern of errors in the console that have to come.
        options: of the browser's context, as `locale`.
    """
    context = browser.new_context(
        base_url=url, **{"locale": "en-GB", "viewport": DESKTOP} | options
    )
    context.set_default_timeout(WAIT_MS)
    troubles: list[str] = []
    _listen(context, urlsplit(url).netloc, troubles)
    try:
        yield context.new_page()
    finally:
        context.close()
    left = [one for one in troubles if not (forgiven and re.search(forgiven, one))]
    assert not left, left


def _listen(context: BrowserContext, host: str, troubles: list[str]) -> None:
    def on_request(asked: str) -> None:
        parts = urlsplit(asked)
        if parts.scheme not in ("blob", "data") and parts.netloc != host:
            troubles.append(f"asked elsewhere: {asked}")

    context.on("request", lambda request: on_request(request.url))
    context.on("weberror", lambda error: troubles.append(f"uncaught: {error.error}"))
    context.on(
        "console",  # a breach of the content security policy is an error there, too
        lambda message: (
            troubles.append(f"{message.type}: {message.text} ({message.location['url']})")
            if message.type in ("error", "warning")
            else None
        ),
    )


def assert_accessible(page: Page) -> None:
    """axe finds nothing."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": list(_RULES)}})
    told = [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary"))
        for one in found.response["violations"]
    ]
    assert not told, told


def assert_fits(page: Page) -> None:
    """Nothing reaches beyond the right edge, so that nobody has to scroll to the side."""
    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room, f"{page.url}: {wide} px in {room}"


def await_other_picture(shown: Locator) -> None:
    """Waits until a canvas or image that is live shows something else than at first."""
    shown.evaluate(_CHANGES, WAIT_MS)


_CHANGES = """async (shown, waitMs) => {
  const look = () => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 64;
    const context = canvas.getContext('2d');
    context.drawImage(shown, 0, 0, 64, 64);
    return context.getImageData(0, 0, 64, 64).data.join();
  };
  const before = look(), end = performance.now() + waitMs;
  while (look() === before) {
    if (performance.now() > end) throw new Error('it shows the same picture all the time');
    await new Promise(then => setTimeout(then, 50));
  }
}"""
