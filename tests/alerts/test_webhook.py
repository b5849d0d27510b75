import sys
from email.utils import formatdate
from pathlib import Path

import pytest

from streamcls import clock
from streamcls.alerts.http_post import Answer
from streamcls.alerts.webhook import Webhook, WebhookSettings, _outcome
from streamcls.errors import MissingPackageError, SettingsError


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (301, "denied"),
        (308, "denied"),
        (400, "refused"),
        (401, "denied"),
        (403, "denied"),
        (404, "denied"),
        (408, "failed"),
        (413, "refused"),
        (422, "refused"),
        (425, "failed"),
        (429, "failed"),
        (500, "failed"),
        (503, "failed"),
    ],
)
def test_what_a_status_means(status: int, outcome: str) -> None:
    found = _outcome(Answer(status, None))
    assert found.status == outcome
    assert outcome == "delivered" or str(status) in found.reason


@pytest.mark.parametrize(
    ("retry_after", "pause_s"),
    [("7", 7), ("-1", 0), ("99999", 600), (formatdate(1030), 30), ("soon", 0), ("", 0), (None, 0)],
)
def test_retry_after(
    retry_after: str | None, pause_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "epoch_s", lambda: 1000.0)
    assert _outcome(Answer(503, retry_after)).pause_s == pause_s


@pytest.mark.parametrize("url", ["", "plant", "ftp://plant/x", "https://", "http://a:geheim@[x/"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(SettingsError) as said:
        Webhook(WebhookSettings(url))
    assert "geheim" not in str(said.value)


def test_certificates_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no certificates"):
        Webhook(WebhookSettings("https://plant/x", ca_file=tmp_path / "ca.pem"))


def test_nothing_tells_a_secret() -> None:
    settings = WebhookSettings("https://anna:geheim@plant:8443/hook/geheim?key=geheim", "geheim")
    assert "geheim" not in repr(settings)
    assert Webhook(settings).name == "webhook https://plant:8443"


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "streamcls.alerts.http_post", raising=False)
    monkeypatch.setitem(sys.modules, "urllib3.connection", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'streamcls\[plant\]'"):
        Webhook(WebhookSettings("https://plant/x"))
