import pytest

from streamcls.sinks import moments


def test_names_sort_by_time() -> None:
    seconds = [0.0, 1_700_000_000.5, 1_700_000_000.501, 1_700_000_001.0, 4_000_000_000.0]
    names = [moments.compact(one) for one in seconds]
    assert names == sorted(names)
    assert len({len(name) for name in names}) == 1


def test_a_name_says_its_moment() -> None:
    assert moments.from_compact(moments.compact(1_700_000_000.5)) == 1_700_000_000.5
    with pytest.raises(ValueError):
        moments.from_compact("20231399T000000.000Z")
