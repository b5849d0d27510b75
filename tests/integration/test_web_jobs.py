"""Jobs that strangers send: files that name others, damaged ones, halves, and too many."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import leaving_nothing
from tests.integration.hostile import GOOD
from tests.integration.plant import until
from tests.integration.web_server import Serving

JOBS = "/api/v1/jobs"
SECRET = "what-nobody-may-see"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_clip: Callable[..., Path]) -> Path:
    """Whose videos may be named, and what is beside it."""
    top = tmp_path_factory.mktemp("videos")
    found = top / "open"
    (found / "sub").mkdir(parents=True)
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    long = make_clip("long.mp4", *coding, source="testsrc2=size=640x360:duration=300")
    short = make_clip("short.mp4", *coding, source="testsrc2=size=320x240:rate=5:duration=2")
    shutil.copy(long, found / "sub" / "long.mp4")
    shutil.copy(short, found / "short.mp4")
    shutil.copy(short, found / ".hidden.mp4")
    shutil.copy(short, top / "beside.mp4")
    (found / "out.mp4").symlink_to(top / "beside.mp4")
    (found / "circle.mp4").symlink_to(found / "circle.mp4")
    (found / "text.txt").write_text(SECRET)
    (found / "secret.mp4").symlink_to(found / "text.txt")
    return found


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, converted_demo: None
) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("jobs")
    with leaving_nothing(), Serving(home, "--model", "demo", "--folder", folder) as server:
        yield server.ready()
        assert "Traceback" not in server.said()
        assert "unexpected" not in server.said()


@pytest.fixture(scope="module")
def client(server: Serving) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(autouse=True)
def no_jobs(client: httpx.Client, server: Serving) -> Iterator[None]:
    """Each test has the server without any, and leaves nothing on its disk."""
    yield
    for job in client.get(JOBS).json()["jobs"]:
        assert client.delete(f"{JOBS}/{job['id']}").status_code == 204
    until(lambda: not server.left() and not server.children(), "all is deleted")


@pytest.fixture(autouse=True)
def nothing_left_behind(client: httpx.Client) -> None:
    """The server outlives a test; `server` looks when it has ended."""


def uploaded(client: httpx.Client, name: str, data: bytes, **fields: str) -> dict[str, Any]:
    answer = client.post(JOBS, files={"file": (name, data)}, data=fields)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    return job


def named(client: httpx.Client, path: str) -> httpx.Response:
    return client.post(JOBS, json={"path": path})


def state(client: httpx.Client, job: dict[str, Any]) -> str:
    return str(client.get(f"{JOBS}/{job['id']}").json()["state"])


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    until(lambda: state(client, job) in ("done", "failed"), f"{job['file']} has ended")
    found: dict[str, Any] = client.get(f"{JOBS}/{job['id']}").json()
    return found


def is_at_work(client: httpx.Client, job: dict[str, Any]) -> bool:
    found = client.get(f"{JOBS}/{job['id']}").json()
    return bool(found["state"] == "running" and found["frames"] > 0)


def playlists(port: int, local: Path) -> dict[str, str]:
    """What would have FFmpeg read other files and addresses."""
    url = f"http://127.0.0.1:{port}/x.ts"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
    base = f"<BaseURL>{url}</BaseURL>"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1">{base}</Representation></AdaptationSet></Period>'
        "</MPD>"
    )
    sdp = f"v=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    return {
        "address.m3u8": hls.format(url),
        "address.mp4": hls.format(url),
        "file.mp4": hls.format(f"file://{local}"),
        "concat.avi": hls.format(f"concat:{url}|{local}"),
        "crypto.mkv": hls.format(f"crypto+{url}"),
        "list.ts": f"ffconcat version 1.0\nfile '{local}'\nfile '{url}'\n",
        "dash.mp4": dash,
        "camera.mp4": sdp,
        "index.mov": f"[playlist]\nFile1={url}\nrtsptext\nrtsp://127.0.0.1:{port}/x\n",
    }


def test_nothing_is_opened_that_a_file_names(client: httpx.Client, server: Serving) -> None:
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    one, _ = listener.accept()
                except TimeoutError:
                    continue
                came.append(one.recv(100))
                one.close()

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            local = server.folder / "local.ts"
            local.write_text(SECRET)
            files = playlists(listener.getsockname()[1], local)
            jobs = [uploaded(client, name, text.encode()) for name, text in files.items()]
            found = [ended(client, job) for job in jobs]
        finally:
            over.set()
            thread.join()
    assert [(one["file"], one["state"]) for one in found if one["state"] != "failed"] == []
    assert came == []
    for one in found:
        assert "not a video that can be read" in one["error"], one
        assert str(server.folder) not in one["error"]
        assert SECRET not in client.get(f"{JOBS}/{one['id']}").text
        assert client.get(f"{JOBS}/{one['id']}/labels.csv").status_code == 404
    assert SECRET not in server.said() + client.get("/api/v1/status").text
    assert not [path for path in server.left() if path.name.startswith(("source", "upload"))]


def test_what_is_no_video_fails_with_a_line(
    client: httpx.Client, videos: Path, make_clip: Callable[..., Path]
) -> None:
    sound = make_clip(
        "sound.mp4", "-vn", "-f", "lavfi", "-i", "sine=440:duration=1", "-c:a", "aac", "-map", "1:a"
    )
    whole = make_clip("cut.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p").read_bytes()
    files = {
        "text.mp4": b"no video" * 100,
        "sound.mp4": sound.read_bytes(),
        "cut.mp4": whole[: len(whole) // 2],
        "x" * 3000 + ".mp4": b"no video",
        "../../../etc/-pass\u202ewd": b"no video",
        "%03d.jpg": b"no video",
    }
    found = [ended(client, uploaded(client, name, data)) for name, data in files.items()]
    for one in found:
        assert one["state"] == "failed", one
        assert "\n" not in one["error"] and "unexpected" not in one["error"], one
    assert [one["file"] for one in found[3:]] == [
        "x" * 196 + ".mp4",
        "-pass\ufffdwd",
        "%03d.jpg",
    ]
    # These are read as far as they go, or not at all; either way with a line.
    for name, data in {
        "damaged.mp4": (videos / "decord_corrupted.mp4").read_bytes(),
        "picture.mp4": GOOD,
    }.items():
        job = ended(client, uploaded(client, name, data))
        assert (job["state"], bool(job["error"])) in (("failed", True), ("done", False)), job


@pytest.mark.parametrize(
    "path",
    [
        *("../beside.mp4", "sub/../../beside.mp4", "/etc/passwd", "out.mp4", "circle.mp4"),
        *(".hidden.mp4", "./.hidden.mp4", "secret.mp4", "text.txt", "sub", ".", "", "a\x00.mp4"),
        *("x" * 900 + ".mp4", "file:short.mp4", "http://127.0.0.1/a.mp4", "short.mp4/", "~/a.mp4"),
        *("SUB\\long.mp4", "%2e%2e/beside.mp4", "pipe:0", "concat:short.mp4|short.mp4"),
    ],
)
def test_only_videos_below_the_folder_may_be_named(client: httpx.Client, path: str) -> None:
    answer = named(client, path)
    if path == "short.mp4/":
        assert answer.status_code in (202, 404)  # it is the same file
        return
    assert answer.status_code in (404, 422), answer.text
    assert answer.json()["code"] in ("not_found", "invalid")
    assert SECRET not in answer.text


def test_the_list_has_only_those(client: httpx.Client) -> None:
    found = [one["path"] for one in client.get("/api/v1/files").json()["files"]]
    assert found == ["short.mp4", "sub/long.mp4"]


def test_an_upload_that_breaks_off_leaves_nothing(client: httpx.Client, server: Serving) -> None:
    for sent in (0, 1000, 3_000_000):
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.sendall(
                b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
                b'Content-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
            )
            line.sendall(bytes(sent))
            until(lambda: any(server.jobs.glob("*/")), "it has a folder")
        until(lambda: not any(server.jobs.glob("*/")), "its folder is gone")
    assert client.get(JOBS).json() == {"jobs": []}
    files = {link.readlink() for link in Path(f"/proc/{server.process.pid}/fd").iterdir()}
    assert not [one for one in files if str(one).startswith(f"{server.jobs}/") and one.suffix]


def test_a_job_can_be_deleted_at_any_moment(client: httpx.Client, server: Serving) -> None:
    for moment in ("at once", "begun", "at work"):
        job = named(client, "sub/long.mp4").json()
        if moment == "begun":
            until(server.children, "it has a process")
        if moment == "at work":
            until(lambda: is_at_work(client, job), "it is at work")  # noqa: B023
        assert client.delete(f"{JOBS}/{job['id']}").status_code == 204
        assert client.get(f"{JOBS}/{job['id']}").status_code == 404
        assert client.delete(f"{JOBS}/{job['id']}").status_code == 404
        until(lambda: not server.children(), "its process is gone")
        until(lambda: not any(server.jobs.glob("*/")), "its folder is gone")
        assert client.get(JOBS).json() == {"jobs": []}


def test_too_many_that_wait_are_refused(client: httpx.Client) -> None:
    first = named(client, "sub/long.mp4").json()
    until(lambda: state(client, first) == "running", "the first runs")
    for _ in range(16):
        assert named(client, "short.mp4").status_code == 202
    refused = [named(client, "short.mp4"), client.post(JOBS, files={"file": ("a.mp4", GOOD)})]
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert int(answer.headers["retry-after"]) > 0
    assert len(client.get(JOBS).json()["jobs"]) == 17


def test_two_servers_do_not_share_a_folder(server: Serving, tmp_path: Path) -> None:
    with Serving(tmp_path, "--model", "demo", jobs=server.jobs) as other:
        assert other.process.wait(60) == 2
        assert len(other.said().splitlines()) == 1
        assert "another server works there" in other.said()


def test_a_job_is_done_by_the_next_server(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    clip = make_clip("next.mp4", *coding, source="testsrc2=size=320x240:rate=25:duration=8")
    with Serving(tmp_path, "--model", "demo") as server, server.ready().client() as client:
        job = uploaded(client, "next.mp4", clip.read_bytes())
        until(lambda: is_at_work(client, job), "it is at work")
        (pid,) = server.children()
        (server.jobs / ("0" * 16)).mkdir()  # half an upload
        assert (server.jobs / job["id"] / "source.mp4").exists()
        server.kill()
    until(lambda: not _is_job(pid), "its process is gone, too")
    with Serving(tmp_path, "--model", "demo") as server, server.ready().client() as client:
        assert not (server.jobs / ("0" * 16)).exists()
        assert client.get(f"{JOBS}/{job['id']}").json()["state"] in ("waiting", "running", "done")
        done = ended(client, job)
        assert (done["state"], done["frames"]) == ("done", 200)
        for path in done["files"].values():
            assert client.get(path).status_code == 200
        assert not list(server.jobs.glob("*/source*"))
        assert client.delete(f"{JOBS}/{job['id']}").status_code == 204
        assert server.left() == []


def _is_job(pid: str) -> bool:
    try:
        return b"job_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
