import threading

import pytest

from streamcls.runtime.buffer import Buffer, Finished


def test_things_come_out_in_order() -> None:
    buffer: Buffer[int] = Buffer(3)
    for number in range(3):
        assert buffer.put(number)
    assert [buffer.get() for _ in range(3)] == [0, 1, 2]


def test_a_full_buffer_makes_its_writer_wait() -> None:
    buffer: Buffer[int] = Buffer(2)
    written: list[int] = []

    def write() -> None:
        for number in range(5):
            buffer.put(number)
            written.append(number)
        buffer.finish()

    writer = threading.Thread(target=write)
    writer.start()
    read = []
    for _ in range(5):
        read.append(buffer.get(5))
        assert len(written) <= len(read) + 2 + 1  # two in the buffer, one just being put
    writer.join(5)
    assert read == [0, 1, 2, 3, 4]
    with pytest.raises(Finished):
        buffer.get()


def test_finished_still_gives_what_is_in_it() -> None:
    buffer: Buffer[int] = Buffer(2)
    buffer.put(1)
    buffer.finish()
    assert buffer.get() == 1
    with pytest.raises(Finished):
        buffer.get()


def test_aborted_gives_nothing_and_takes_nothing() -> None:
    buffer: Buffer[int] = Buffer(2)
    buffer.put(1)
    buffer.abort()
    with pytest.raises(Finished):
        buffer.get()
    assert not buffer.put(2)


@pytest.mark.parametrize("end", ["finish", "abort"])
def test_the_end_wakes_a_waiting_reader(end: str) -> None:
    buffer: Buffer[int] = Buffer(1)
    seen: list[str] = []

    def read() -> None:
        try:
            buffer.get()
        except Finished:
            seen.append("finished")

    reader = threading.Thread(target=read)
    reader.start()
    getattr(buffer, end)()
    reader.join(5)
    assert seen == ["finished"]


def test_abort_wakes_a_waiting_writer() -> None:
    buffer: Buffer[int] = Buffer(1)
    buffer.put(0)
    taken: list[bool] = []
    writer = threading.Thread(target=lambda: taken.append(buffer.put(1)))
    writer.start()
    buffer.abort()
    writer.join(5)
    assert taken == [False]


def test_waiting_has_a_bound() -> None:
    with pytest.raises(TimeoutError):
        Buffer[int](1).get(0.01)
