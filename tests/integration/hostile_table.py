"""Prints what each hostile upload is answered, as Markdown.

python -m tests.integration.hostile_table
"""

import tempfile
from pathlib import Path

import httpx

from tests.integration.hostile import Case, pictures
from tests.integration.hostile_forms import FORMS, Form
from tests.integration.hostile_zips import archives
from tests.integration.web_server import Serving

CLASSIFY = "/api/v1/classify"


def sent(client: httpx.Client, case: Case) -> httpx.Response:
    """A file as browsers send it."""
    return client.post(CLASSIFY, files={"files": (case.file, case.data)})


def sent_form(client: httpx.Client, form: Form) -> httpx.Response:
    """A body as nobody sends it."""
    headers = {"Content-Type": form.kind} if form.kind is not None else {}
    return client.post(form.path, content=form.body(), headers=headers)


def code_of(answer: httpx.Response) -> str | None:
    """The reason for programs: of the picture where there is one, else of the whole."""
    said = answer.json()
    results = said.get("results") or [said]
    codes = {one["code"] for one in results}
    if answer.status_code == 200:
        return None if None in codes else "no good one"
    return next(iter(codes)) if len(codes) == 1 else None


def detail_of(answer: httpx.Response) -> str:
    """A line for people."""
    said = answer.json()
    if answer.status_code != 200:
        return str(said.get("detail", said))
    bad = [f"{one['file']}: {one['error']}" for one in said.get("results", []) if one["error"]]
    return "; ".join(bad) or "classified"


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Serving(Path(folder), "--model", "demo") as server,
        server.ready().client() as client,
    ):
        print("| upload | bytes | status | code | detail |\n| --- | ---: | ---: | --- | --- |")
        cases: list[Case | Form] = [*pictures(), *archives(), *FORMS]
        for case in cases:
            if isinstance(case, Form):
                answer, size = sent_form(client, case), "form"
            else:
                answer, size = sent(client, case), f"{len(case.data):,}"
            detail = detail_of(answer).replace("|", "\\|").replace("\n", " ")[:160]
            code = code_of(answer) or ""
            print(f"| {case.name} | {size} | {answer.status_code} | {code} | {detail} |")
        print(
            f"\nPeak memory of the server: {server.memory_mb():.0f} MB; "
            f"left on the disk: {len(server.left())} files; "
            f"tracebacks in its log: {server.said().count('Traceback')}."
        )


if __name__ == "__main__":
    main()
