from collections.abc import Iterator

import pytest

from streamcls.media import av, packets


class DamagedContainer:
    """Stands for a container of PyAV; each call of `demux` goes on behind what was raised."""

    def __init__(self, *found: str | Exception) -> None:
        self._found = iter(found)

    def demux(self, _stream: object) -> Iterator[str]:
        for one in self._found:
            if isinstance(one, Exception):
                raise one
            yield one


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (av.error.InvalidDataError(1, "damaged"), ["a", None, "b"]),
        (IndexError("list index out of range"), ["a", "b"]),  # a stream that begins later
        (av.error.EOFError(1, "end"), ["a"]),
    ],
)
def test_a_damaged_file_is_read_to_its_end(error: Exception, expected: list[str | None]) -> None:
    container = DamagedContainer("a", error, "b")
    found: list[object] = list(packets(container, "the stream"))  # type: ignore[type-var, arg-type]
    assert found == expected
