"""A web server on loopback that sends what a test puts into it."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
SECRET = "geheim"


class Server(ThreadingHTTPServer):
    """Answers with what is put into it by path: a status, or bytes, maybe cut and then silent."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__((HOST, 0), Answer)
        self.answers: dict[str, int | bytes] = {}
        self.cut: set[str] = set()

    def put(self, path: str, answer: int | bytes, *, cut: bool = False) -> str:
        """Its address; `cut` says that more is promised than ever comes."""
        self.answers[f"/{path}"] = answer
        if cut:
            self.cut.add(f"/{path}")
        return f"http://anna:{SECRET}@{HOST}:{self.server_port}/{path}"


class Answer(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        answer = self.server.answers[self.path]
        if isinstance(answer, int):
            self.send_error(answer)
            return
        cut = self.path in self.server.cut
        self.send_response(200)
        if self.path.endswith(".mpjpeg"):
            self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=ffmpeg")
        self.send_header("Content-Length", str(len(answer) + 100_000 * cut))
        self.end_headers()
        try:
            self.wfile.write(answer)
            if cut:
                self.connection.recv(1)  # until they hang up
        except ConnectionError:
            self.close_connection = True  # they had enough

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error."""
