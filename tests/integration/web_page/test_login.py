"""Behind a token, with ImageNet's classes in both languages."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.web_page.serving import Serving
from tests.integration.web_page.visits import PHONE, Visiting, assert_accessible, assert_fits, visit

_LOGIN = re.compile(r"/login(#.*)?$")  # browsers keep what stands behind the #
TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Serving]:
    """A server that wants a token, with a model that knows ImageNet's classes."""
    fast_to_load = ("--backend", "torch", "--precision", "fp32")
    model = ("--model", "resnet18", "--weights", weights, *fast_to_load)
    with Serving(tmp_path_factory.mktemp("locked"), *model, token=TOKEN) as server:
        yield server


@pytest.fixture
def visiting(chromium: Browser, locked: Serving) -> Visiting:
    return lambda **options: visit(chromium, locked.url, **options)


def log_in(page: Page, token: str, *, name: str = "Log in", field: str = "Token") -> None:
    page.get_by_label(field).fill(token)
    page.get_by_role("button", name=name).click()


def test_the_page_asks_for_the_token_until_it_is_right(visiting: Visiting) -> None:
    with visiting(forgiven=r"status of 401 .*/(login|api/v1/\w+)") as page:
        page.goto("/#status")
        expect(page).to_have_url(_LOGIN)
        log_in(page, "another-token-of-some-length")
        expect(page.get_by_role("alert")).to_have_text("Wrong token.")
        log_in(page, TOKEN)
        expect(page.get_by_role("heading", name="Pictures", level=1)).to_be_visible()
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        another = page.context.new_page()
        another.goto("/#status")
        expect(another.get_by_role("heading", name="Status", level=1)).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_url(_LOGIN)
        page.goto("/")
        expect(page).to_have_url(_LOGIN)
        another.wait_for_url(_LOGIN)  # with the first answer that it does not get


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_form_fits_and_is_accessible(theme: str, visiting: Visiting) -> None:
    with visiting(
        color_scheme=theme, viewport=PHONE, locale="zh-CN", forgiven="status of 401"
    ) as page:
        page.goto("/login")
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        log_in(page, "wrong-token-of-some-length", name="登录", field="令牌")
        expect(page.get_by_role("alert")).to_have_text("令牌不正确。")
        assert_accessible(page)
        assert_fits(page)
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, dark[4:-1].split(", "))) < 128) == (theme == "dark")


def test_the_classes_have_chinese_names(visiting: Visiting, data: Path) -> None:
    picture = data / "media" / "images" / "imagenet_200" / "000_tench.jpg"
    with visiting(locale="zh-CN") as page:
        page.goto("/")
        log_in(page, TOKEN, name="登录", field="令牌")
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="选择图片").click()
        chooser.value.set_files(picture)
        first = page.get_by_role("list", name="识别结果").get_by_role("list").locator("li").first
        expect(first).to_contain_text("丁桂鱼")
        page.get_by_role("button", name="English").click()
        first = page.get_by_role("list", name="Results").get_by_role("list").locator("li").first
        expect(first).to_contain_text("tench")
