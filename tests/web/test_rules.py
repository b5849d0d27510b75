"""Where it listens and by which names."""

from pathlib import Path

import pytest

from streamcls.web.rules import Rules, is_loopback, own_names


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::ffff:127.0.0.1", "::1", "[::1]", "localhost", "LOCALHOST"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.7", "example.org", "127.example.org", ""]
)
def test_elsewhere(host: str) -> None:
    assert not is_loopback(host)


def test_only_own_names_and_addresses_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "plant7")
    monkeypatch.setattr("socket.getfqdn", lambda: "plant7.example.org")
    own_names.cache_clear()
    near = Rules("127.0.0.1", 8080, jobs=Path())
    far = Rules("0.0.0.0", 8080, jobs=Path(), names=("cams.example.org",))
    for host in ("localhost", "127.0.0.1", "[::1]", "10.0.0.7"):
        assert near.knows_host(host) and far.knows_host(host)
    for host in ("plant7", "PLANT7.example.org.", "cams.example.org"):
        assert far.knows_host(host) and not near.knows_host(host)
    for host in ("evil.example", "", "localhost.evil.example", "127.0.0.1.evil.example"):
        assert not near.knows_host(host) and not far.knows_host(host)


def test_the_token_is_not_shown() -> None:
    assert "geheim" not in repr(Rules("::", 1, jobs=Path(), token="geheim"))
