"""The API against its own OpenAPI document, with what a machine makes up."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from streamcls.plant.model import SharedModel
from tests.conftest import leaving_nothing
from tests.integration.hostile import GOOD
from tests.integration.web_server import rules_of, served

ENDLESS = r"/(stream|streams|events)$"  # answers that go on until who asks hangs up
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
ASKED = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def url(web_model: SharedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    top = tmp_path_factory.mktemp("openapi")
    (top / "open").mkdir()
    rules = rules_of(top / "jobs", folder=top / "open", waiting_jobs=100_000)
    with leaving_nothing(), served(rules, web_model) as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def nothing_left_behind(url: str) -> None:
    """The server outlives a test; `url` looks when it has ended."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_answers_are_as_the_document_says(url: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    asked: dict[str, int] = {}
    for found in schema.exclude(path_regex=ENDLESS).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        asked[operation.label] = 0

        @ASKED
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            asked[case.operation.label] += 1
            case.validate_response(case.call(timeout=30), checks=CHECKS)

        ask()
    assert {"POST /api/v1/classify", "POST /api/v1/jobs", "GET /api/v1/status"} <= set(asked)
    assert min(asked.values()) >= 1
    good = httpx.post(f"{url}/api/v1/classify", files={"files": ("a.jpg", GOOD)}, timeout=30)
    assert good.status_code == 200


def test_every_route_is_described(url: str) -> None:
    """With its problems; and nothing else is open below the API."""
    document = httpx.get(f"{url}/api/v1/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            assert about.get("summary") and about.get("description"), (method, path)
            assert {"4XX", "5XX"} <= set(about["responses"]), (method, path)
    for path in ("/docs", "/redoc", "/openapi.json", "/api/v1/docs", "/api/v1", "/api/v2/info"):
        answer = httpx.get(f"{url}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
