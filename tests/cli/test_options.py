import logging
from collections.abc import Iterator

import pytest

from streamcls.cli.options import set_up_log


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    made = logging.getLogger("streamcls")
    before = made.handlers, made.level, made.propagate
    yield made
    made.handlers, level, made.propagate = before
    made.setLevel(level)


@pytest.mark.parametrize(
    ("level", "said"),
    [(-1, ["error"]), (0, ["warning", "error"]), (1, ["info", "warning", "error"])],
)
def test_how_much_is_said(
    level: int, said: list[str], log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log(level)
    for name in ("info", "warning", "error"):
        getattr(log, name)("%s", name)
    assert capsys.readouterr().err.splitlines() == [f"streamcls: {name}" for name in said]


def test_no_line_of_the_log_tells_a_password(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log(2)
    try:
        raise OSError("rtsp://anna:geheim@h/cam")
    except OSError:
        logging.getLogger("streamcls.capture.live").debug(
            "%s is lost", "rtsp://anna:geheim@h/cam", exc_info=True
        )
    err = capsys.readouterr().err
    assert err.startswith("streamcls: rtsp://anna:***@h/cam is lost")
    assert "geheim" not in err
