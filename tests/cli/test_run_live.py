import socket

from tests.conftest import Cli


def test_no_line_tells_the_password(cli: Cli) -> None:
    """Heading, log and error; `-v` says the most."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"rtsp://anna:geheim@127.0.0.1:{port}/cam"
    done = cli("run", address, "--model", "demo", "--max-retries", 0, "-vv", "--headless")
    assert done.code == 1
    assert f"rtsp://anna:***@127.0.0.1:{port}/cam" in done.err
    assert "geheim" not in done.out + done.err
