"""The API's answers for real photographs are the library's."""

from pathlib import Path
from typing import Any

import httpx
import pytest

import streamcls
from tests.integration.web_server import Serving

_AT_ONCE = 40


def test_the_api_says_of_every_photograph_what_the_library_says(
    data: Path, weights: Path, tmp_path: Path
) -> None:
    files = sorted(path for path in (data / "media" / "images").glob("*/*") if path.is_file())
    assert len(files) > 200
    expected = streamcls.classify(*files, model="resnet18", weights=weights)
    found: list[Any] = []
    options = ("--model", "resnet18", "--weights", weights)
    with Serving(tmp_path, *options) as server, server.ready().client() as asker:
        for at in range(0, len(files), _AT_ONCE):
            found += asked(asker, files[at : at + _AT_ONCE])
    assert [one["file"] for one in found] == [file.name for file in files]
    for one, prediction in zip(found, expected, strict=True):
        for score, wanted in zip(one["top"], prediction.top(3), strict=True):
            assert score["class_id"] == wanted.class_id, one["file"]
            assert score["label"] == wanted.label
            assert score["prob"] == pytest.approx(wanted.prob, abs=1e-5)


def asked(asker: httpx.Client, files: list[Path]) -> list[Any]:
    sent = [("files", (file.name, file.read_bytes())) for file in files]
    answer = asker.post("/api/v1/classify", files=sent)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert isinstance(results, list)
    return results
