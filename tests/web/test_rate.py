"""How often each client may ask."""

import pytest

from streamcls.web import rate
from streamcls.web.rate import RateLimit
from tests.plant.made import FakeClock


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> tuple[RateLimit, FakeClock]:
    return RateLimit(2.0, 4.0), FakeClock(monkeypatch)


def test_a_burst_and_then_so_many_a_second(limit: tuple[RateLimit, FakeClock]) -> None:
    rates, time = limit
    assert [rates.wait_s("192.0.2.1") for _ in range(4)] == [0.0] * 4
    wait_s = rates.wait_s("192.0.2.1")
    assert 0 < wait_s <= 0.5
    time.forward(1.0)
    assert [rates.wait_s("192.0.2.1") > 0 for _ in range(3)] == [False, False, True]


def test_clients_don_t_share(limit: tuple[RateLimit, FakeClock]) -> None:
    rates, _ = limit
    for _ in range(4):
        rates.wait_s("192.0.2.1")
    assert rates.wait_s("192.0.2.2") == 0


def test_the_addresses_of_one_ipv6_site_do(limit: tuple[RateLimit, FakeClock]) -> None:
    rates, _ = limit
    for number in range(4):
        assert rates.wait_s(f"2001:db8:1:2::{number:x}") == 0
    assert rates.wait_s("2001:db8:1:2:ffff::1%eth0") > 0
    assert rates.wait_s("2001:db8:1:3::1") == 0


def test_ipv4_clients_of_a_socket_for_both_don_t_share(
    limit: tuple[RateLimit, FakeClock],
) -> None:
    rates, _ = limit
    for _ in range(4):
        assert rates.wait_s("::ffff:192.0.2.1") == 0
    assert rates.wait_s("::ffff:192.0.2.1") > 0
    assert rates.wait_s("::ffff:192.0.2.2") == 0


def test_it_does_not_grow_for_ever(
    limit: tuple[RateLimit, FakeClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate, "_CLIENTS", 3)
    rates, _ = limit
    for number in range(10):
        rates.wait_s(f"192.0.2.{number}")
    assert len(vars(rates)["_buckets"]) == 3
