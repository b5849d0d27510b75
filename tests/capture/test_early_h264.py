import pytest

from streamcls.capture.early_h264 import NalUnits

START = b"\0\0\0\1\x65"


def units(*pieces: bytes) -> list[bytes]:
    assembler = NalUnits()
    return [unit for piece in pieces for unit in assembler.add(piece)]


def test_a_unit_is_complete_with_a_piece_that_is_not_full() -> None:
    pieces = [START + b"a" * 100, b"b" * 100, b"c" * 30]
    assert units(*pieces) == [b"".join(pieces)]


def test_before_a_full_packet_was_seen_a_unit_ends_where_the_next_begins() -> None:
    assert units(START + b"a", START + b"b") == [START + b"a"]


def test_small_units_are_complete_by_themselves_once_the_full_size_is_known() -> None:
    long = [START + b"a" * 100, b"b" * 100, b"c"]
    assert units(*long, START + b"d", START + b"e") == [b"".join(long), START + b"d", START + b"e"]


def test_a_unit_whose_last_packet_is_full_ends_with_the_next_one() -> None:
    long = [START + b"a" * 100, b"b" * 100]
    known = [START + b"a" * 100, b"b" * 100, b"c"]
    assert units(*known, *long, START + b"d") == [b"".join(known), b"".join(long), START + b"d"]


@pytest.mark.parametrize("orphans", [1, 3])
def test_pieces_whose_beginning_was_lost_are_left_out(orphans: int) -> None:
    known = [START + b"a" * 100, b"b" * 100, b"c"]
    assert units(*known, *[b"x" * 100] * orphans, b"y", START + b"d") == [
        b"".join(known),
        START + b"d",
    ]


def test_what_is_held_can_be_had_when_the_next_picture_begins() -> None:
    assembler = NalUnits()
    assert list(assembler.add(START + b"a")) == []
    assert list(assembler.flush()) == [START + b"a"]
    assert list(assembler.flush()) == []
