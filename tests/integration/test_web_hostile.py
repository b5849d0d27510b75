"""Hostile and odd uploads: each has its answer, and the server is none the worse for it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

import streamcls
from streamcls.capture.picture_file import read_picture
from tests.conftest import leaving_nothing
from tests.integration import hostile
from tests.integration.hostile import ANY, GOOD, Case, encoded, photo, pictures
from tests.integration.hostile_forms import FORMS, Form
from tests.integration.hostile_table import CLASSIFY, code_of, sent, sent_form
from tests.integration.hostile_zips import archives, zipped
from tests.integration.web_server import Serving

MEMORY_MB = 900  # above what the server has without a request; two pictures of 50 MP at a time


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, converted_demo: None) -> Iterator[Serving]:
    with (
        leaving_nothing(),
        Serving(tmp_path_factory.mktemp("hostile"), "--model", "demo") as server,
    ):
        yield server.ready()


@pytest.fixture(scope="module")
def client(server: Serving) -> Iterator[httpx.Client]:
    with server.client() as client:
        before_mb = server.memory_mb()
        yield client
        assert sent(client, Case("good", GOOD, hostile.OK)).status_code == 200
        assert server.left() == []
        assert "Traceback" not in server.said()
        assert "unexpected" not in server.said()
        assert server.memory_mb() - before_mb < MEMORY_MB


@pytest.fixture(autouse=True)
def nothing_left_behind(client: httpx.Client) -> None:
    """The server outlives a test; `server` looks when it has ended."""


def assert_answered(answer: httpx.Response, expected: tuple[int, str | None]) -> None:
    said = answer.json()
    if expected == ANY:
        assert answer.status_code in (200, 413, 415, 422)
    else:
        assert (answer.status_code, code_of(answer)) == expected, said
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert said["type"] == f"/problems/{said['code']}"
        assert "\n" not in said["detail"]
    assert "/tmp" not in answer.text


@pytest.mark.parametrize("case", [*pictures(), *archives()], ids=lambda case: case.name)
def test_a_file_has_its_answer(client: httpx.Client, case: Case) -> None:
    assert_answered(sent(client, case), case.answer)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_body_has_its_answer(client: httpx.Client, form: Form) -> None:
    assert_answered(sent_form(client, form), form.answer)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of broken EXIF
def test_answers_are_the_librarys(client: httpx.Client, tmp_path: Path) -> None:
    """Also of pictures that have to be turned, and of those with 16 bits or a palette."""
    cases = [case for case in hostile.kinds() if case.answer == hostile.OK]
    paths = [tmp_path / f"{number}.jpg" for number in range(len(cases))]
    for case, path in zip(cases, paths, strict=True):
        path.write_bytes(case.data)
    for case, expected in zip(cases, streamcls.classify(*paths, model="demo"), strict=True):
        (found,) = sent(client, case).json()["results"]
        assert [one["label"] for one in found["top"]] == [one.label for one in expected.top(3)]
        shares = [one.prob for one in expected.top(3)]
        assert np.allclose([one["prob"] for one in found["top"]], shares, atol=0.02), case.name


def test_orientations_are_told_apart(tmp_path: Path) -> None:
    """Or the test before would see nothing."""
    seen = set()
    for case in hostile.kinds():
        if case.name.startswith("EXIF orientation"):
            path = tmp_path / "turned.jpg"
            path.write_bytes(case.data)
            seen.add(read_picture(path).tobytes())
    assert len(seen) == 8


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/a.jpg", "../../etc/a.jpg"),
        ("C:\\fakepath\\a.jpg", "a.jpg"),
        ("a\x85\u202e\u2028b.jpg", "a\ufffd\ufffd\ufffdb.jpg"),
        ("<b>&amp;'\".jpg", None),
        ("=1+1.jpg", "=1+1.jpg"),
        ("x" * 3000 + ".jpg", "x" * 196 + ".jpg"),
    ],
)
def test_a_name_is_only_shown(client: httpx.Client, name: str, shown: str | None) -> None:
    answer = client.post(CLASSIFY, files={"files": (name, GOOD)})
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    assert shown in (None, result["file"])


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r="])
def test_a_name_is_no_formula_in_a_table(client: httpx.Client, sign: str) -> None:
    files = [("files", (f"{sign}cmd|'/c calc'!A1.jpg", data)) for data in (GOOD, b"no picture")]
    files.append(("files", (f"{sign}.zip", zipped((f"{sign}a.jpg", GOOD)))))
    answer = client.post(CLASSIFY, params={"format": "csv"}, files=files)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    _, *rows = csv.reader(io.StringIO(answer.text))
    assert len(rows) == 3
    for row in rows:
        assert len(row) == 8
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_bad_ones_do_not_spoil_good_ones(client: httpx.Client) -> None:
    files = [
        ("files", ("good.jpg", GOOD)),
        ("files", ("text.jpg", b"text")),
        ("files", ("cut.zip", zipped(("a.jpg", GOOD))[:-30])),
        ("files", ("whole.zip", zipped(("a.jpg", GOOD), ("b.jpg", b"text")))),
    ]
    answer = client.post(CLASSIFY, files=files)
    assert answer.status_code == 200
    assert [(one["file"], one["code"]) for one in answer.json()["results"]] == [
        ("good.jpg", None),
        ("text.jpg", "not_a_picture"),
        ("cut.zip", "archive"),
        ("whole.zip/a.jpg", None),
        ("whole.zip/b.jpg", "not_a_picture"),
    ]


def test_a_thin_picture_is_a_picture(client: httpx.Client) -> None:
    """Whose resize would need more memory than there is, were all of it made."""
    for width, height in ((1, 3_000_000), (3_000_000, 1)):
        data = hostile.flat_png(width, height)
        assert_answered(sent(client, Case("thin", data, hostile.OK)), hostile.OK)


def test_only_the_first_picture_of_an_animation_counts(client: httpx.Client) -> None:
    still = sent(client, Case("one", encoded("PNG"), hostile.OK)).json()
    for kind in ("PNG", "WEBP"):
        moving = (
            hostile.animated(kind)
            if kind == "PNG"
            else encoded(
                kind, save_all=True, lossless=True, append_images=[Image.new("RGB", (96, 64))]
            )
        )
        assert sent(client, Case("two", moving, hostile.OK)).json() == still
    other = sent(client, Case("other", encoded("PNG", photo(97, 60)), hostile.OK)).json()
    assert other != still
