"""Tokens and sessions."""

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from streamcls.errors import SettingsError
from streamcls.web import tokens as module
from streamcls.web.tokens import COOKIE, Tokens, read_token
from tests.plant.made import FakeClock

TOKEN = "correct-horse-battery-staple"


def bearer(token: str) -> Headers:
    return Headers({"authorization": f"Bearer {token}"})


def cookie(session: str) -> Headers:
    return Headers({"cookie": f"other=1; {COOKIE}={session}"})


def test_without_a_token_everybody_may() -> None:
    assert Tokens(None).admits(Headers({}))


def test_the_token_or_a_session_is_needed() -> None:
    tokens = Tokens(TOKEN)
    assert tokens.admits(bearer(TOKEN))
    assert tokens.admits(cookie(tokens.begin()))
    for headers in (
        Headers({}),
        bearer(TOKEN[:-1]),
        bearer(""),
        bearer("ümläut"),
        Headers({"authorization": f"Basic {TOKEN}"}),
        cookie("made-up"),
        cookie(""),
        Headers({"cookie": "\x00;;=="}),
    ):
        assert not tokens.admits(headers)


def test_sessions_end(monkeypatch: pytest.MonkeyPatch) -> None:
    time, tokens = FakeClock(monkeypatch), Tokens(TOKEN)
    left, lasting = cookie(tokens.begin()), cookie(tokens.begin())
    tokens.end(left)
    assert not tokens.admits(left)
    assert tokens.admits(lasting)
    time.forward(12 * 3600 + 1)
    assert not tokens.admits(lasting)


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SESSIONS", 2)
    tokens = Tokens(TOKEN)
    first, second, third = (cookie(tokens.begin()) for _ in range(3))
    assert [tokens.admits(one) for one in (first, second, third)] == [False, True, True]


def test_a_token_is_read_without_the_space_around_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"\n {TOKEN} \n")
    assert read_token(tmp_path / "token") == TOKEN


@pytest.mark.parametrize("content", [b"", b"short", b"two words are no token", b"\xff" * 20])
def test_a_file_without_a_token(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(SettingsError, match=r"--token-file .*token: "):
        read_token(tmp_path / "token")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_token(tmp_path / "token")
