"""The webhook against a real receiver that goes down, refuses, and hangs."""

import base64
import hmac
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamcls import clock
from streamcls.alerts import delivery as delivery_module
from streamcls.alerts.delivery import Delivery
from streamcls.alerts.spool import Spool
from streamcls.alerts.webhook import Webhook, WebhookSettings
from tests.alerts.made import message
from tests.integration.certificates import Certificates
from tests.integration.delivering import delivering, until
from tests.integration.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "webhook.spool") as spool:
        yield spool


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(delivery_module, "_LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(delivery_module, "HOLD_S", 0.3)


def test_a_message_with_its_signature(receiver: Receiver) -> None:
    outcome = Webhook(WebhookSettings(receiver.url, "geheim")).deliver(message(1))
    assert outcome.status == "delivered"
    (request,) = receiver.requests
    assert request.path == "/hook?x=1"
    assert json.loads(request.body)["id"] == "run-1"
    headers = request.headers
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("streamcls/")
    assert (headers["X-Streamcls-Event"], headers["X-Streamcls-Id"]) == ("start", "run-1")
    timestamp = headers["X-Streamcls-Timestamp"]
    assert abs(int(timestamp) - clock.epoch_s()) < 60
    expected = hmac.new(b"geheim", f"{timestamp}.".encode() + request.body, "sha256").hexdigest()
    assert headers["X-Streamcls-Signature"] == f"sha256={expected}"


def test_no_secret_no_signature_and_a_user_of_the_url(receiver: Receiver) -> None:
    url = receiver.url.replace("://", "://anna:ge%40heim@")
    assert Webhook(WebhookSettings(url)).deliver(message(1)).status == "delivered"
    (request,) = receiver.requests
    assert "X-Streamcls-Signature" not in request.headers
    assert base64.b64decode(request.headers["Authorization"].split()[1]) == b"anna:ge@heim"


def test_an_outage_loses_nothing(
    receiver: Receiver, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "streamcls")
    webhook = Webhook(WebhookSettings(receiver.url))
    with delivering(Delivery(spool, webhook)) as delivery:
        spool.append(message(1))
        receiver.wait_for(1)
        receiver.down()
        for number in range(2, 12):
            spool.append(message(number))
        until(lambda: delivery.tally().failed_tries)
        receiver.answers = [500, (429, {"Retry-After": "0"}), 408]
        receiver.up()
        receiver.wait_for(14)
        until(lambda: not delivery.tally().waiting)
    ids = [request.headers["X-Streamcls-Id"] for request in receiver.requests]
    assert ids == ["run-1", *["run-2"] * 3, *(f"run-{number}" for number in range(2, 12))]
    assert [json.loads(request.body)["time_utc"] for request in receiver.requests[4:]] == [
        message(number).time_utc for number in range(2, 12)
    ]
    down, back = caplog.messages
    assert "can't be reached: Connection refused" in down
    assert "takes messages again; 9 are waiting" in back


def test_a_bad_message_is_given_up_and_wrong_settings_are_not(
    receiver: Receiver, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [400, 400, 400, 403, 404]
    spool.append(message(1))
    spool.append(message(2))
    with delivering(Delivery(spool, Webhook(WebhookSettings(receiver.url)))) as delivery:
        receiver.wait_for(6)
        until(lambda: not delivery.tally().waiting)
        assert (delivery.tally().refused, delivery.tally().delivered) == (1, 1)
    ids = [request.headers["X-Streamcls-Id"] for request in receiver.requests]
    assert ids == ["run-1"] * 3 + ["run-2"] * 3
    assert "won't take message run-1, given up: status 400" in caplog.text


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answers = [(307, {"Location": receiver.url})]
    assert Webhook(WebhookSettings(receiver.url)).deliver(message(1)).status == "denied"
    assert len(receiver.requests) == 1


def test_a_receiver_that_hangs(receiver: Receiver) -> None:
    receiver.answers = ["hang"]
    outcome = Webhook(WebhookSettings(receiver.url, read_s=0.2)).deliver(message(1))
    assert (outcome.status, outcome.reason) == ("failed", "no answer within 0.2 s")


def test_a_stop_does_not_wait_for_a_receiver_that_hangs(receiver: Receiver, spool: Spool) -> None:
    receiver.answers = ["hang"]
    spool.append(message(1))
    begun_s = time.monotonic()
    with delivering(Delivery(spool, Webhook(WebhookSettings(receiver.url, read_s=60)))):
        receiver.wait_for(1)
    assert time.monotonic() - begun_s < 5
    assert spool.counts().waiting == 1


@pytest.mark.parametrize(
    ("host", "reason"), [("localhost:1", "Connection refused"), ("no.such.invalid", "no such host")]
)
def test_reasons_have_no_secrets(host: str, reason: str) -> None:
    webhook = Webhook(WebhookSettings(f"http://anna:geheim@{host}/geheim?token=geheim"))
    outcome = webhook.deliver(message(1))
    assert outcome.reason == f"can't be reached: {reason}"


def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65536)

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        outcome = Webhook(WebhookSettings(url)).deliver(message(1))
        thread.join()
    assert outcome.reason == "broke the connection off without an answer"


def test_https_with_a_certificate_of_its_own(certificates: Certificates) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.certificate, certificates.key)
    with Receiver(tls=tls) as receiver:
        trusted = Webhook(WebhookSettings(receiver.url, ca_file=certificates.ca))
        assert trusted.deliver(message(1)).status == "delivered"
        distrusted = Webhook(WebhookSettings(receiver.url)).deliver(message(2))
        assert distrusted.status == "failed"
        assert distrusted.reason.startswith("its certificate is not trusted")
        assert len(receiver.requests) == 1
