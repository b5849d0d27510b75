import threading

import pytest

from streamcls.runtime.buffer import Buffer, Finished


def taken(buffer: Buffer[int]) -> list[int]:
    """All that is in a finished buffer."""
    out = []
    while True:
        try:
            out.append(buffer.get(0))
        except Finished:
            return out


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


def test_newest_drops_the_oldest_and_tells_of_it() -> None:
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(2, dropped=gone.append)
    for number in range(5):
        assert buffer.put(number)
    assert gone == [0, 1, 2]
    assert [buffer.get(), buffer.get()] == [3, 4]
    with pytest.raises(TimeoutError):
        buffer.get(0)


def test_newest_never_makes_its_writer_wait() -> None:
    """On a thread of its own, so that a writer that waits fails the test and doesn't hang it."""
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(1, dropped=gone.append)
    writer = threading.Thread(target=lambda: [buffer.put(number) for number in range(1000)])
    writer.start()
    writer.join(5)
    waited = writer.is_alive()
    buffer.abort()
    writer.join(5)
    assert not waited
    assert gone == list(range(999))


def test_what_is_dropped_is_told_outside_the_lock() -> None:
    """So that whoever is told may look at the buffer, or take the newer item out."""
    found: list[int] = []
    buffer: Buffer[int] = Buffer(1, dropped=lambda _: found.append(buffer.get(0)))
    writer = threading.Thread(target=lambda: [buffer.put(number) for number in (1, 2)], daemon=True)
    writer.start()
    writer.join(5)
    assert found == [2]


def test_kept_items_stay_and_others_give_way_around_them() -> None:
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(
        2, dropped=gone.append, kind=lambda number: None if number >= 100 else 0
    )
    for number in (100, 1, 2, 101, 3, 4, 102):
        assert buffer.put(number)
    buffer.finish()
    out = taken(buffer)
    assert [number for number in out if number >= 100] == [100, 101, 102]
    assert gone == sorted(gone) and 100 not in gone
    assert sorted(out + gone) == [1, 2, 3, 4, 100, 101, 102]


def test_more_kept_items_than_there_is_room_for_all_come_out() -> None:
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(1, dropped=gone.append, kind=lambda _: None)
    for number in range(5):
        assert buffer.put(number)
    buffer.finish()
    assert taken(buffer) == [0, 1, 2, 3, 4]
    assert gone == []


def test_a_kept_item_does_not_make_the_newest_one_give_way() -> None:
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(
        1, dropped=gone.append, kind=lambda number: None if number >= 100 else 0
    )
    for number in (1, 100, 2):
        buffer.put(number)
    assert gone == [1]
    assert [buffer.get(0), buffer.get(0)] == [100, 2]


def test_each_kind_has_room_of_its_own() -> None:
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(2, dropped=gone.append, kind=lambda number: number % 2)
    for number in (1, 2, 4, 6, 8):
        buffer.put(number)
    assert gone == [2, 4]
    assert [buffer.get(0), buffer.get(0)] == [1, 6]
    for number in (3, 5, 7, 10):  # what was taken out has left its room
        buffer.put(number)
    assert gone == [2, 4, 3]
    buffer.finish()
    assert taken(buffer) == [8, 5, 7, 10]


def test_a_smaller_capacity_counts_from_the_next_item_on() -> None:
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(4, dropped=gone.append)
    for number in range(4):
        buffer.put(number)
    buffer.capacity = 2
    assert gone == []
    buffer.put(4)
    assert gone == [0, 1, 2]
    buffer.capacity = 3
    buffer.put(5)
    assert gone == [0, 1, 2]
    assert [buffer.get(0) for _ in range(3)] == [3, 4, 5]


def test_an_aborted_newest_buffer_takes_nothing_and_tells_of_nothing() -> None:
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(1, dropped=gone.append)
    buffer.put(1)
    buffer.abort()
    assert not buffer.put(2)
    assert gone == []
    with pytest.raises(Finished):
        buffer.get(0)
