"""Bodies of requests that no browser sends, made by code."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.integration.hostile import GOOD

CLASSIFY, JOBS = "/api/v1/classify", "/api/v1/jobs"
MULTIPART = "multipart/form-data; boundary=x"
INVALID = (422, "invalid")
UNREADABLE = (400, "invalid")
LARGE = (413, "too_large")


@dataclass(frozen=True, slots=True)
class Form:
    """A body, and the status and code of its answer."""

    name: str
    path: str
    kind: str | None
    body: Callable[[], bytes | Iterator[bytes]]
    answer: tuple[int, str | None]


def part(head: bytes, data: bytes = b"x") -> bytes:
    """With a header that says what it is."""
    return b"--x\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n"


def upload(field: bytes, name: bytes, data: bytes = GOOD) -> bytes:
    """A file in a form."""
    return part(b'name="%s"; filename="%s"' % (field, name), data)


END = b"--x--\r\n"
PICTURE = upload(b"files", b"a.jpg")
VIDEO = upload(b"file", b"a.mp4", b"no video")


def endless(head: bytes, megabytes: int, tail: bytes) -> Iterator[bytes]:
    """A long one whose length is not said before."""
    yield head
    for _ in range(megabytes):
        yield bytes(1_000_000)
    yield tail


def repeated(one: bytes, count: int) -> Callable[[], bytes]:
    return lambda: one * count + END


def fixed(body: bytes) -> Callable[[], bytes]:
    return lambda: body


def named(charset: str, name: bytes, answer: tuple[int, str | None]) -> Form:
    body = fixed(upload(b"files", name) + END)
    return Form(f"names in {charset}", CLASSIFY, f"{MULTIPART}; charset={charset}", body, answer)


def field(size: int) -> Callable[[], Iterator[bytes]]:
    return lambda: endless(part(b'name="fps"', b"")[:-2], size, b"\r\n" + END)


_HUGE_HEADER = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\nX-Y: '
_JSON = "application/json"

FORMS = (
    Form("no boundary", CLASSIFY, "multipart/form-data", fixed(PICTURE + END), UNREADABLE),
    Form("empty boundary", CLASSIFY, "multipart/form-data; boundary=", fixed(END), UNREADABLE),
    Form(
        "another boundary", CLASSIFY, "multipart/form-data; boundary=y", fixed(PICTURE), UNREADABLE
    ),
    Form(
        "boundary of 5,000",
        CLASSIFY,
        f"multipart/form-data; boundary={'x' * 5000}",
        fixed(PICTURE + END),
        UNREADABLE,
    ),
    Form("no parts", CLASSIFY, MULTIPART, fixed(END), INVALID),
    Form("empty body", CLASSIFY, MULTIPART, fixed(b""), INVALID),
    Form("no content type", CLASSIFY, None, fixed(PICTURE + END), INVALID),
    Form("JSON instead", CLASSIFY, _JSON, fixed(b'{"files": ["http://127.0.0.1/"]}'), INVALID),
    Form(
        "URL-encoded instead",
        CLASSIFY,
        "application/x-www-form-urlencoded",
        fixed(b"files=/etc/passwd"),
        INVALID,
    ),
    Form(
        "2,000 files",
        CLASSIFY,
        MULTIPART,
        repeated(upload(b"files", b"a.jpg", b"x"), 2000),
        UNREADABLE,
    ),
    Form("2,000 fields", CLASSIFY, MULTIPART, repeated(part(b'name="a"'), 2000), UNREADABLE),
    Form(
        "header of 10 MB",
        CLASSIFY,
        MULTIPART,
        lambda: endless(_HUGE_HEADER, 10, b"\r\n\r\nx\r\n" + END),
        UNREADABLE,
    ),
    Form(
        "1,000 headers",
        CLASSIFY,
        MULTIPART,
        fixed(b"--x\r\n" + b"X-Y: z\r\n" * 1000 + b"\r\nx\r\n" + END),
        UNREADABLE,
    ),
    Form("no name", CLASSIFY, MULTIPART, fixed(part(b'filename="a.jpg"', GOOD) + END), UNREADABLE),
    Form("no file name", CLASSIFY, MULTIPART, fixed(part(b'name="files"', GOOD) + END), INVALID),
    Form("empty file name", CLASSIFY, MULTIPART, fixed(upload(b"files", b"") + END), (200, None)),
    Form(
        "field of 3 MB",
        CLASSIFY,
        MULTIPART,
        fixed(PICTURE + part(b'name="a"', bytes(3_000_000)) + END),
        UNREADABLE,
    ),
    Form("broken off", CLASSIFY, MULTIPART, fixed(PICTURE[:-400]), INVALID),
    Form(
        "top_k of 0",
        CLASSIFY,
        MULTIPART,
        fixed(PICTURE + part(b'name="top_k"', b"0") + END),
        INVALID,
    ),
    Form(
        "top_k of 1e99",
        CLASSIFY,
        MULTIPART,
        fixed(PICTURE + part(b'name="top_k"', b"1e99") + END),
        INVALID,
    ),
    Form(
        "top_k of 9,999 digits",
        CLASSIFY,
        MULTIPART,
        fixed(PICTURE + part(b'name="top_k"', b"9" * 9999) + END),
        INVALID,
    ),
    Form(
        "top_k as a file",
        CLASSIFY,
        MULTIPART,
        fixed(PICTURE + upload(b"top_k", b"3") + END),
        INVALID,
    ),
    Form(
        "larger than 100 MB, length not said",
        CLASSIFY,
        MULTIPART,
        lambda: endless(PICTURE[:-2], 101, END),
        LARGE,
    ),
    *(
        named(charset, name, (415, "unsupported"))
        for charset, name in (
            ("undefined", b"a.jpg"),
            ("unicode_escape", b"\\ud800.jpg"),
            ("utf-7", b"+2AA-.jpg"),
            ("utf-16", b"a\x00b\x00"),
            ("punycode", b"\xff-99999999"),
        )
    ),
    named("utf-8", "\u96ea.jpg".encode(), (200, None)),
    Form("job: no boundary", JOBS, "multipart/form-data", fixed(VIDEO + END), INVALID),
    Form("job: empty boundary", JOBS, "multipart/form-data; boundary=", fixed(END), INVALID),
    Form(
        "job: another boundary",
        JOBS,
        "multipart/form-data; boundary=y",
        fixed(VIDEO + END),
        INVALID,
    ),
    Form("job: no parts", JOBS, MULTIPART, fixed(END), INVALID),
    Form("job: empty body", JOBS, MULTIPART, fixed(b""), INVALID),
    Form("job: empty file", JOBS, MULTIPART, fixed(upload(b"file", b"a.mp4", b"") + END), INVALID),
    Form("job: another field", JOBS, MULTIPART, fixed(upload(b"video", b"a.mp4") + END), INVALID),
    Form("job: field instead of file", JOBS, MULTIPART, fixed(part(b'name="file"') + END), INVALID),
    Form("job: two files", JOBS, MULTIPART, fixed(VIDEO * 2 + END), INVALID),
    Form("job: 20,000 files", JOBS, MULTIPART, repeated(VIDEO, 20_000), INVALID),
    Form(
        "job: 20,000 fields", JOBS, MULTIPART, repeated(part(b'name="fps"', b"1"), 20_000), INVALID
    ),
    Form("job: field of 100 MB", JOBS, MULTIPART, field(100), INVALID),
    Form(
        "job: header of 10 MB",
        JOBS,
        MULTIPART,
        lambda: endless(_HUGE_HEADER, 10, b"\r\n\r\nx\r\n" + END),
        INVALID,
    ),
    Form("job: no name", JOBS, MULTIPART, fixed(part(b'filename="a.mp4"') + END), INVALID),
    Form("job: fps of 0", JOBS, MULTIPART, fixed(VIDEO + part(b'name="fps"', b"0") + END), INVALID),
    Form(
        "job: fps of nan",
        JOBS,
        MULTIPART,
        fixed(VIDEO + part(b'name="fps"', b"nan") + END),
        INVALID,
    ),
    Form("job: no content type", JOBS, None, fixed(VIDEO), (415, "unsupported")),
    Form("job: a video as it is", JOBS, "video/mp4", fixed(b"no video"), (415, "unsupported")),
    Form("job: JSON of 10 MB", JOBS, _JSON, lambda: endless(b'{"path":"', 10, b'"}'), LARGE),
    Form("job: no JSON", JOBS, _JSON, fixed(b"{"), INVALID),
    Form("job: JSON 40,000 deep", JOBS, _JSON, fixed(b"[" * 40_000), INVALID),
    Form("job: half a pair of UTF-16", JOBS, _JSON, fixed(b'{"path": "\\ud800"}'), INVALID),
    Form("job: another member", JOBS, _JSON, fixed(b'{"path": "a", "url": "b"}'), INVALID),
    Form("job: no folder is open", JOBS, _JSON, fixed(b'{"path": "a.mp4"}'), (403, "forbidden")),
)
