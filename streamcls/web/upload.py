"""A video that is uploaded: straight onto the disk, never as a whole in memory."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from anyio import to_thread
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from streamcls.web.job import ending_of
from streamcls.web.pictures import plain_name
from streamcls.web.problems import Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_SPARE_BYTES = 200_000_000  # that stay free on the disk, for outputs
_FIELDS = 10
_FIELD_BYTES = 1000
_COMING = "upload"  # the file while it comes
_PIECE = 1_000_000  # bytes that are written at a time


@dataclass(frozen=True, slots=True, eq=False)
class Upload:
    """What a form held: the video's name and where it is now, and the other fields."""

    name: str
    path: Path
    fields: dict[str, str]


class _Form:
    """Takes a form in, piece by piece: one file onto the disk, and a few short fields.

    `FormParser` of the package has no bounds for either where a form has several parts.
    """

    def __init__(self, path: Path, boundary: bytes) -> None:
        """`path` is where the file goes."""
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self.file_field = ""
        self.size = 0
        self._path = path
        self._file: IO[bytes] | None = None
        self._parts = 0
        self._head = b""  # name of the header that is being read
        self._value = b""
        self._disposition = b""
        self._field: tuple[str, bytearray] | None = None  # None in the part with the file
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }
        self.parser = MultipartParser(boundary, callbacks)

    def close(self) -> None:
        """Closes the file. Can be called again."""
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _FIELDS:
            raise FormParserError(f"more than {_FIELDS} parts")
        self._disposition = b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._head += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._head.lower() == b"content-disposition":
            self._disposition = self._value
        self._head = self._value = b""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise FormParserError("a part without a name")
        name, file_name = options[b"name"].decode(errors="replace"), options.get(b"filename")
        if file_name is None:
            self._field = (name, bytearray())
            return
        if self._file is not None:
            raise FormParserError("more than one file")
        self._field, self.file_field = None, name
        self.file_name = file_name.decode(errors="replace")
        self._file = self._path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            assert self._file is not None
            self.size += self._file.write(data[start:end])
            return
        name, value = self._field
        value += data[start:end]
        if len(value) > _FIELD_BYTES:
            raise FormParserError(f"a field of more than {_FIELD_BYTES} bytes")
        self.fields[name] = value.decode(errors="replace")

    def _end(self) -> None:
        if self._field is None:
            self.close()  # what could not be written is known now


async def received(request: Request, folder: Path) -> Upload:
    """Takes the request's form in, its video into the folder.

    Raises:
        Problem: it is no form, it has no video in it, or there is no room for it.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    length = int(request.headers.get("content-length") or 0)
    _check_room(folder, length)
    if not options.get(b"boundary"):
        raise Problem(422, "invalid", "not a form as RFC 7578 has it: no boundary")
    form = None
    try:
        form = _Form(folder / _COMING, options[b"boundary"])
        waiting = bytearray()
        async for piece in request.stream():
            waiting += piece
            if len(waiting) >= _PIECE:
                await to_thread.run_sync(form.parser.write, bytes(waiting))
                waiting.clear()
                _check_room(folder)  # others fill it, too
        await to_thread.run_sync(form.parser.write, bytes(waiting))
        form.parser.finalize()
    except FormParserError as error:
        raise Problem(422, "invalid", f"not a form as RFC 7578 has it: {error}") from error
    except OSError as error:
        raise Problem(507, "disk_full", f"it can't be kept: {error.strerror}") from error
    finally:
        if form is not None:
            with suppress(OSError):
                form.close()
    return _upload(form, folder)


def _check_room(folder: Path, more_bytes: int = 0) -> None:
    if shutil.disk_usage(folder).free < more_bytes + _SPARE_BYTES:
        raise Problem(507, "disk_full", "there is no room for it on the server's disk")


def _upload(form: _Form, folder: Path) -> Upload:
    if form.file_field != "file" or form.file_name is None or not form.size:
        raise Problem(422, "invalid", "body.file: one video is needed, as a file in the form")
    name = plain_name(form.file_name).rpartition("/")[2]
    path = folder / f"source{ending_of(name)}"
    (folder / _COMING).rename(path)
    return Upload(name or "video", path, form.fields)
