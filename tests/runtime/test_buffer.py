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


# -- in turns


Named = tuple[str, int]


def in_turns(capacity: int, *, waits: bool = True) -> Buffer[Named]:
    return Buffer(
        capacity,
        dropped=None if waits else lambda _: None,
        kind=lambda item: item[0],
        in_turns=True,
    )


@pytest.mark.parametrize("capacity", [1, 2, 5])
def test_who_puts_a_hundred_times_as_often_gets_no_more_turns(capacity: int) -> None:
    buffer = in_turns(capacity, waits=False)
    turns: list[str] = []
    for number in range(300):
        for more in range(100):
            buffer.put(("flood", 100 * number + more))
        buffer.put(("calm", number))
        buffer.put(("other", number))
        turns += [buffer.get(0)[0] for _ in range(3)]
    assert {name: turns.count(name) for name in set(turns)} == dict.fromkeys(
        ("flood", "calm", "other"), 300
    )
    for at in range(0, len(turns), 3):  # not by and by, but in each round
        assert set(turns[at : at + 3]) == {"flood", "calm", "other"}


def test_within_a_kind_the_oldest_is_first() -> None:
    buffer = in_turns(3)
    for item in (("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("c", 0)):
        buffer.put(item)
    buffer.finish()
    out = [buffer.get(0) for _ in range(6)]
    assert out == [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("b", 1), ("a", 2)]


def test_who_was_away_is_next_but_does_not_make_up_for_it() -> None:
    buffer = in_turns(10)
    for number in range(6):
        buffer.put(("busy", number))
    assert [buffer.get(0)[1] for _ in range(3)] == [0, 1, 2]
    for number in range(3):
        buffer.put(("back", number))
    assert [buffer.get(0)[0] for _ in range(6)] == ["back", "busy"] * 3


def test_without_turns_all_come_in_the_order_in_which_they_came() -> None:
    buffer: Buffer[Named] = Buffer(3, kind=lambda item: item[0])
    items = [("a", 0), ("a", 1), ("b", 0), ("a", 2), ("b", 1)]
    for item in items:
        buffer.put(item)
    assert [buffer.get(0) for _ in range(5)] == items


def test_more_are_those_that_are_there_in_turns() -> None:
    buffer = in_turns(3)
    assert buffer.get_more(4) == []
    for item in (("a", 0), ("a", 1), ("a", 2), ("b", 0)):
        buffer.put(item)
    assert buffer.get_more(0) == []
    assert buffer.get_more(3) == [("a", 0), ("b", 0), ("a", 1)]
    assert len(buffer) == 1
    assert buffer.get_more(3) == [("a", 2)]


def writing(buffer: Buffer[Named], *items: Named) -> tuple[threading.Thread, list[bool]]:
    """A thread that puts them in, and what `put` said."""
    done: list[bool] = []
    thread = threading.Thread(target=lambda: done.extend(buffer.put(item) for item in items))
    thread.start()
    return thread, done


def test_writers_wait_for_room_of_their_own_kind_only() -> None:
    buffer = in_turns(1)
    assert buffer.put(("a", 0))
    waits, done = writing(buffer, ("a", 1))
    goes_on, others = writing(buffer, ("b", 0))
    goes_on.join(5)
    assert others == [True]
    assert done == []
    assert [buffer.get(5), buffer.get(5)] == [("a", 0), ("b", 0)]
    waits.join(5)
    assert done == [True]
    assert buffer.get(5) == ("a", 1)


def test_more_that_are_taken_leave_their_room() -> None:
    buffer = in_turns(2)
    for number in range(2):
        buffer.put(("a", number))
    waits, done = writing(buffer, ("a", 2), ("a", 3))
    assert buffer.get_more(2) == [("a", 0), ("a", 1)]
    waits.join(5)
    assert done == [True, True]


def test_a_writer_gives_up_when_it_is_woken_and_the_others_wait_on() -> None:
    buffer = in_turns(1)
    buffer.put(("a", 0))
    buffer.put(("b", 0))
    over = threading.Event()
    asked = threading.Semaphore(0)

    def given_up() -> bool:
        asked.release()
        return over.is_set()

    gives_up: list[bool] = []
    thread = threading.Thread(
        target=lambda: gives_up.append(buffer.put(("a", 1), given_up=given_up))
    )
    thread.start()
    other, done = writing(buffer, ("b", 1))
    assert asked.acquire(timeout=5)  # it waits, or is about to
    over.set()
    buffer.wake()
    thread.join(5)
    assert gives_up == [False]
    assert done == []
    assert [buffer.get(0), buffer.get(0), buffer.get(5)] == [("a", 0), ("b", 0), ("b", 1)]
    other.join(5)


def test_who_has_given_up_puts_nothing_in_even_where_there_is_room() -> None:
    gone: list[int] = []
    buffer: Buffer[int] = Buffer(1, dropped=gone.append)
    assert not buffer.put(1, given_up=lambda: True)
    assert len(buffer) == 0
    assert gone == []


def test_what_is_forgotten_does_not_come_out_and_leaves_its_room() -> None:
    gone: list[Named] = []
    buffer: Buffer[Named] = Buffer(2, dropped=gone.append, kind=lambda item: item[0], in_turns=True)
    for item in (("a", 0), ("b", 0), ("a", 1), ("b", 1)):
        buffer.put(item)
    buffer.forget("a")
    buffer.forget("nobody")
    for number in (2, 3):
        buffer.put(("a", number))
    assert gone == []
    buffer.finish()
    assert [buffer.get(0) for _ in range(4)] == [("b", 0), ("a", 2), ("b", 1), ("a", 3)]


def test_to_forget_a_kind_lets_its_waiting_writer_in() -> None:
    buffer = in_turns(1)
    buffer.put(("a", 0))
    waits, done = writing(buffer, ("a", 1))
    buffer.forget("a")
    waits.join(5)
    assert done == [True]
    assert buffer.get(0) == ("a", 1)
