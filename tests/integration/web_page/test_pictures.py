"""Pictures come into the page in five ways, and out of it as labels."""

import base64
import csv
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Download, FilePayload, Locator, Page, Route, expect

from streamcls.records import Prediction
from tests.integration.web_page.visits import Visiting

_DROPPED = """([name, type, data, kind]) => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const moved = new DataTransfer();
  moved.items.add(new File([bytes], name, {type}));
  const make = (event) => kind === 'paste'
    ? new ClipboardEvent(event, {clipboardData: moved, bubbles: true, cancelable: true})
    : new DragEvent(event, {dataTransfer: moved, bubbles: true, cancelable: true});
  for (const event of kind === 'paste' ? ['paste'] : ['dragenter', 'dragover', 'drop'])
    document.body.dispatchEvent(make(event));
}"""


def choose(page: Page, files: Iterable[Path | FilePayload]) -> None:
    """As with a click on the button and the system's dialog."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose pictures").click()
    chooser.value.set_files(list(files))  # type: ignore[arg-type]


def results(page: Page) -> Locator:
    return page.get_by_role("list", name="Results").locator("> li")


def told(page: Page, text: str) -> Locator:
    """How far it is; the same is said to screen readers, outside of the view."""
    return page.get_by_role("main").get_by_text(text, exact=True)


def card(page: Page, name: str) -> Locator:
    return results(page).filter(has=page.get_by_role("heading", name=name, exact=True))


def labels(card: Locator) -> list[str]:
    """The names at the bars, best first; they are marked with the untranslated label."""
    return [
        line.split("\n")[0] for line in card.get_by_role("list").locator("li").all_inner_texts()
    ]


def rows(download: Download) -> dict[str, dict[str, str]]:
    """Of the saved table, by file."""
    text = Path(download.path()).read_text("utf-8-sig")
    return {row["file"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def given(path: Path, name: str | None = None) -> FilePayload:
    return FilePayload(name=name or path.name, mimeType="image/jpeg", buffer=path.read_bytes())


def bring(page: Page, kind: str, path: Path, name: str) -> None:
    data = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(_DROPPED, [name, "image/jpeg", data, kind])


def test_several_pictures_have_the_labels_that_the_library_gives(
    page: Page, pictures: dict[str, Path], expected: dict[str, Prediction]
) -> None:
    page.goto("/")
    choose(page, pictures.values())
    expect(told(page, f"{len(pictures)} pictures")).to_be_visible()
    for name, prediction in expected.items():
        assert labels(card(page, name)) == [one.label for one in prediction.top(3)], name
        expect(card(page, name).locator("img")).to_have_js_property("complete", True)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save CSV").click()
    assert saved.value.suggested_filename == "labels.csv"
    table = rows(saved.value)
    assert set(table) == set(expected)
    for name, prediction in expected.items():
        for place, score in enumerate(prediction.top(3), 1):
            assert table[name][f"label_{place}"] == score.label
            assert float(table[name][f"prob_{place}"]) == pytest.approx(score.prob, abs=2e-4)
    page.get_by_role("button", name="Clear").click()
    expect(results(page)).to_have_count(0)


def test_it_shows_how_far_it_is(page: Page, pictures: dict[str, Path]) -> None:
    held: list[Route] = []
    page.route("**/api/v1/classify", lambda route: held.append(route))
    page.goto("/")
    choose(page, [given(next(iter(pictures.values())), f"{n}.jpg") for n in range(9)])
    expect(told(page, "0 of 9 pictures")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Pictures classified")).to_be_visible()
    expect(results(page).locator("img")).to_have_count(9)  # thumbnails wait for nobody
    for ended in ("4 of 9 pictures", "8 of 9 pictures", "9 pictures"):
        while not held:
            page.wait_for_timeout(20)
        held.pop(0).continue_()
        expect(told(page, ended)).to_be_visible()


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_that_is_dropped_or_pasted(
    kind: str, page: Page, pictures: dict[str, Path], expected: dict[str, Prediction]
) -> None:
    page.goto("/")
    page.get_by_role("button", name="Choose pictures").wait_for()
    bring(page, kind, pictures["gear"], "from elsewhere.jpg")
    shown = card(page, "from elsewhere.jpg")
    expect(told(page, "1 picture")).to_be_visible()
    assert labels(shown)[0] == expected["gear.jpg"].top(1)[0].label


def test_a_photo_with_the_camera_of_the_device(page: Page) -> None:
    page.goto("/")
    take = page.get_by_role("button", name="Take a photo")
    take.click()
    shutter = page.get_by_role("dialog").get_by_role("button", name="Release the shutter")
    expect(shutter).to_be_enabled()
    shutter.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(told(page, "1 picture")).to_be_visible()
    name = page.get_by_role("main").get_by_role("heading", name=re.compile(r"^photo-.*\.jpg$"))
    expect(name).to_be_visible()
    assert len(labels(results(page))) == 3
    expect(take).to_be_focused()


def test_a_zip_gives_its_pictures(
    page: Page, pictures: dict[str, Path], expected: dict[str, Prediction], tmp_path: Path
) -> None:
    archive = tmp_path / "shift.zip"
    with zipfile.ZipFile(archive, "w") as pack:
        for name in ("gear", "nut"):
            pack.write(pictures[name], f"night/{name}.jpg")
        pack.writestr("night/notes.txt", "no picture")
        pack.writestr("__MACOSX/night/._gear.jpg", "what a Mac puts beside it")
    page.goto("/")
    choose(page, [archive])
    expect(page.get_by_role("main").get_by_text("3 pictures in it")).to_be_visible()
    expect(card(page, "notes.txt")).to_contain_text("This is not a picture.")
    for name in ("gear.jpg", "nut.jpg"):
        assert labels(card(page, name))[0] == expected[name].top(1)[0].label
        # Made in the page: nothing that was in the archive is kept by the server.
        expect(card(page, name).locator("img")).not_to_have_js_property("naturalWidth", 0)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save CSV").click()
    assert set(rows(saved.value)) == {
        f"shift.zip/night/{name}" for name in ("gear.jpg", "nut.jpg", "notes.txt")
    }


def test_what_is_no_picture_says_so_beside_those_that_are(
    visiting: Visiting, pictures: dict[str, Path], expected: dict[str, Prediction]
) -> None:
    good = pictures["nut"].read_bytes()
    bad = {
        "notes.txt": ("text/plain", b"no picture", "This is not a picture."),
        "named.jpg": ("image/jpeg", b"no picture either", "This is not a picture."),
        "torn.jpg": ("image/jpeg", good[:2000], "This file is damaged and can not be read."),
        "huge.jpg": ("image/jpeg", good + bytes(10_000_000), "This file is too large."),
        "no.zip": ("application/zip", b"PK\3\4 nothing", "This ZIP can not be opened"),
    }
    files = [FilePayload(name=n, mimeType=kind, buffer=b) for n, (kind, b, _) in bad.items()]
    # All that was sent at once may have been bad, which the browser writes into its console.
    with visiting(forgiven=r"status of 4\d\d .*/api/v1/classify") as page:
        page.goto("/")
        choose(page, [given(pictures["gear"]), *files, given(pictures["nut"])])
        expect(told(page, "7 pictures · 5 with a problem")).to_be_visible()
        for name, (_, _, words) in bad.items():
            expect(card(page, name)).to_contain_text(words)
        for name in ("gear.jpg", "nut.jpg"):
            assert labels(card(page, name))[0] == expected[name].top(1)[0].label
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save CSV").click()
        table = rows(saved.value)
        assert {name for name, row in table.items() if row["error"]} == set(bad)
        assert table["gear.jpg"]["label_1"] == expected["gear.jpg"].top(1)[0].label
