from dataclasses import replace

import pytest

from streamcls.cli.report import EventLines
from tests.fakes import event, prediction, result


def test_lines_say_what_begins(capsys: pytest.CaptureFixture[str]) -> None:
    sink = EventLines()
    state = replace(event("no_signal", end_s=None), kind="state", reason="connection refused")
    for told in (state, replace(state, end_s=5.0), event("cat", end_s=None), event("cat")):
        sink.event(told)
    sink.write(result(raw=prediction()))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == [
        "[no signal] connection refused",
        "cat",
    ]
