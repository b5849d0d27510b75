"""Pictures in, labels out, over the app without a network."""

import csv
import io
import zipfile

import httpx
import pytest

from streamcls.plant.model import SharedModel
from tests.fakes import LABELS
from tests.web.conftest import Sites, asking, png

Files = list[tuple[str, tuple[str, bytes]]]


def files(*contents: tuple[str, bytes]) -> Files:
    return [("files", one) for one in contents]


def zipped(**contents: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return data.getvalue()


def classified(sites: Sites, sent: Files, query: str = "", **fields: str) -> httpx.Response:
    return asking(
        sites(),
        lambda asker: asker.post(f"/api/v1/classify{query}", files=sent, data=fields),
    )


def test_each_picture_gets_its_labels_in_order(sites: Sites) -> None:
    sent = files(*((f"{value}.png", png(value)) for value in range(9)))
    answer = classified(sites, sent, top_k="2")
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["file"] for one in results] == [f"{value}.png" for value in range(9)]
    assert [one["top"][0]["label"] for one in results] == [LABELS[v % 3] for v in range(9)]
    assert results[1]["top"] == [
        {"label": LABELS[1], "class_id": 1, "prob": 0.9},
        {"label": LABELS[0], "class_id": 0, "prob": 0.05},
    ]
    assert {(one["error"], one["code"]) for one in results} == {(None, None)}


def test_some_bad_ones_have_their_error(sites: Sites) -> None:
    answer = classified(sites, files(("a.png", png(1)), ("b.txt", b"text"), ("c.png", png(2)[:40])))
    assert answer.status_code == 200
    good, text, broken = answer.json()["results"]
    assert good["top"] and not text["top"] and not broken["top"]
    assert (text["code"], broken["code"]) == ("not_a_picture", "broken")
    assert text["error"] == "not a JPEG, PNG, WebP, BMP or GIF"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (files(("a.txt", b"text")), 415),
        (files(("a.png", b"")), 422),
        (files(("a.txt", b"text"), ("b.png", b"")), 422),
        (files(("a.zip", zipped())), 422),
    ],
)
def test_all_bad_is_a_problem(sites: Sites, sent: Files, status: int) -> None:
    answer = classified(sites, sent)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, "no_pictures")
    assert len(problem["results"]) == (0 if sent[0][1][0] == "a.zip" else len(sent))


def test_a_zip_is_a_picture_for_each_in_it(sites: Sites) -> None:
    archive = zipped(**{"a/b.png": png(1), "c.txt": b"no", "__MACOSX/._x": b"", "d.png": png(2)})
    results = classified(sites, files(("x.zip", archive), ("e.png", png(0)))).json()["results"]
    assert [one["file"] for one in results] == [
        "x.zip/a/b.png",
        "x.zip/c.txt",
        "x.zip/d.png",
        "e.png",
    ]
    assert [one["code"] for one in results] == [None, "not_a_picture", None, None]


def test_csv(sites: Sites) -> None:
    sent = files(("=cmd().png", png(1)), ("b.txt", b"text"))
    answer = classified(sites, sent, "?format=csv", top_k="2")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["file", "label_1", "prob_1", "label_2", "prob_2", "error"],
        ["'=cmd().png", LABELS[1], "0.900000", LABELS[0], "0.050000", ""],
        ["b.txt", "", "", "", "", "not a JPEG, PNG, WebP, BMP or GIF"],
    ]


@pytest.mark.parametrize("top_k", ["0", "1001", "many"])
def test_wrong_fields_are_said(sites: Sites, top_k: str) -> None:
    answer = classified(sites, files(("a.png", png())), top_k=top_k)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("body.top_k: ")


def test_without_a_model_it_is_to_be_tried_again(sites: Sites) -> None:
    site = sites(ready=False)
    answer = asking(
        site, lambda asker: asker.post("/api/v1/classify", files=files(("a.png", png())))
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.headers["retry-after"] == "2"


def test_what_is_classified_is_counted(sites: Sites, model: SharedModel) -> None:
    site = sites()
    asking(
        site,
        lambda asker: asker.post(
            "/api/v1/classify", files=files(("a.png", png()), ("b.txt", b"text"))
        ),
    )
    counts = site.tally.counts()
    assert (counts.classified, counts.refused) == (1, 1)


def test_one_request_has_so_many_pixels(sites: Sites) -> None:
    site = sites(request_pixels=8 * 6 * 2)
    sent = files(*((f"{value}.png", png(value)) for value in range(3)))
    answer = asking(site, lambda asker: asker.post("/api/v1/classify", files=sent))
    codes = [one["code"] for one in answer.json()["results"]]
    assert sorted(codes, key=str) == [None, None, "too_many_pixels"]


def test_all_requests_have_so_many_bytes(sites: Sites) -> None:
    site = sites(waiting_bytes=1000)
    small = asking(site, lambda a: a.post("/api/v1/classify", files=files(("a.png", png()))))
    noise = bytes(range(256)) * 4
    large = asking(site, lambda a: a.post("/api/v1/classify", files=files(("a.png", noise))))
    assert (small.status_code, large.status_code) == (200, 503)
    assert large.json()["code"] == "busy" and large.headers["retry-after"] == "5"
