"""Fragmented MP4 that was cut off: what of it is whole."""

import struct
from pathlib import Path
from typing import BinaryIO

_SIZE_IN_64_BITS = 1


def cut_torn(path: Path) -> None:
    """Takes what is torn off the end of a file, and the file away if no picture of it is whole.

    Raises:
        OSError: it can't be read or cut.
    """
    with path.open("r+b") as file:
        end = _end_of_whole(file)
        file.truncate(end)
    if not end:
        path.unlink(missing_ok=True)


def _end_of_whole(file: BinaryIO) -> int:
    """Where the last box with pictures ends that is there to its end; 0 if there is none.

    Source: ISO/IEC 14496-12, 4.2: a box begins with its size, 32 bits, and its type; a size of 1
    says that 64 bits of size follow.
    """
    length = file.seek(0, 2)
    at = end = 0
    while at + 16 <= length:
        file.seek(at)
        size, kind, large = struct.unpack(">I4sQ", file.read(16))
        at += large if size == _SIZE_IN_64_BITS else size
        if size == 0 or at > length:
            break
        if kind == b"mdat":
            end = at
    return end
