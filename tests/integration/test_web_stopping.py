"""`streamcls serve` from outside: what it refuses to start with, and how it ends."""

import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.conftest import Cli
from tests.integration.plant import until
from tests.integration.web_server import TOKEN, Serving

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "so a token is needed"),
        (("--host", "::"), "so a token is needed"),
        (("--host", "192.0.2.1"), "so a token is needed"),
        (("--host", "192.0.2.1", "--token-file", "good"), "can't listen there"),
        (("--host", "nowhere.invalid", "--token-file", "good"), "can't listen there"),
        (("--token-file", "missing"), "No such file"),
        (("--token-file", "."), "Is a directory"),
        (("--token-file", "empty"), "16 or more"),
        (("--token-file", "short"), "16 or more"),
        (("--token-file", "two"), "without spaces"),
        (("--token-file", "odd"), "16 or more"),
        (("--token-file", "binary"), "no text"),
        (("--folder", "missing"), "no such folder"),
        (("--folder", "good"), "no such folder"),
        (("--jobs", "good"), "--jobs good"),
        (("--jobs", "/proc/jobs"), "--jobs /proc/jobs"),
        (("--port", "65536"), "65535"),
        (("--rate-limit", "-1"), "--rate-limit"),
        (("--config", "missing"), "missing"),
    ],
)
def test_it_does_not_start_with_what_is_wrong(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tokens = {
        "good": TOKEN,
        "empty": "",
        "short": "123",
        "two": "a b c d e f g h i",
        "odd": "ü" * 20,
    }
    for name, token in tokens.items():
        (tmp_path / name).write_text(token)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    if "--port" not in options:
        options = ("--port", "0", *options)
    done = cli("serve", "--model", "demo", *options)
    assert done.code == (1 if "can't listen" in said else 2)
    assert said in done.err
    assert "Traceback" not in done.err
    assert len(done.err.strip().splitlines()) == 1 or "Usage" in done.err, done.err
    assert TOKEN not in done.err


def test_a_port_that_is_taken(cli: Cli, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("serve", "--model", "demo", "--port", port, "--jobs", tmp_path)
    assert done.code == 1
    assert f"127.0.0.1:{port}: can't listen there: Address already in use" in done.err


def asserted_end(server: Serving, number: signal.Signals, code: int) -> None:
    assert server.stop(number) == code
    said = server.said()
    assert "did not end" not in said
    assert "Traceback" not in said
    assert not [path for path in server.left() if path.name.startswith(("upload", "source"))]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_the_model_loads(
    tmp_path: Path, converted_demo: None, number: signal.Signals, code: int
) -> None:
    with Serving(tmp_path, "--model", "demo") as server:
        assert httpx.get(f"{server.url}/readyz").status_code == 503
        asserted_end(server, number, code)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_during_all_that_goes_on(
    tmp_path: Path,
    converted_demo: None,
    make_clip: Callable[..., Path],
    number: signal.Signals,
    code: int,
) -> None:
    """Two uploads that stand still, silent lines, and a job at work."""
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    clip = make_clip("busy.mp4", *coding, source="testsrc2=size=640x360:duration=100")
    (tmp_path / "token").write_text(TOKEN)
    options = ("--folder", clip.parent, "--token-file", "token", "-v")
    with Serving(tmp_path, "--model", "demo", *options) as server, ExitStack() as opened:
        server.ready(TOKEN)
        client = opened.enter_context(server.client(headers={"Authorization": f"Bearer {TOKEN}"}))
        job = client.post("/api/v1/jobs", json={"path": clip.name}).json()
        for path in ("/api/v1/classify", "/api/v1/jobs", None):
            line = opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            if path is not None:
                head = (
                    f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
                    "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 90000\r\n\r\n"
                    '--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\nx'
                )
                line.sendall(head.encode())
        until(lambda: len(list(server.jobs.glob("*/"))) == 2, "the upload has begun")
        until(server.children, "the job has begun")
        children = server.children()
        asserted_end(server, number, code)
        assert not [pid for pid in children if _is_job(pid)]
        assert [path.parent.name for path in server.jobs.rglob("job.json")] == [job["id"]]
        assert TOKEN not in server.said()


def _is_job(pid: str) -> bool:
    try:
        return b"job_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
