import pytest

from streamcls.capture.kind import Address
from streamcls.capture.network_address import SCHEMES, NetworkAddress, host_of
from streamcls.errors import SettingsError


def given(text: str) -> Address:
    return Address(text, shown="SHOWN")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_host_of_an_address(scheme: str) -> None:
    assert host_of(given(f"{scheme}://anna:geheim@10.0.0.7:554/cam?a=b")) == "10.0.0.7"
    assert host_of(given(f"{scheme}://[fe80::1]/cam")) == "fe80::1"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("rtsp://anna:geheim@/cam", "there is no host"),
        ("rtsp://anna:geheim@h:99999/", "not an address"),
        ("rtsp://anna:geheim@[::1/cam", "not an address"),
        ("rtsp://anna:ge heim@h/cam", "a blank in an address"),
        ("rtsp://anna:ge/heim x@h/cam", "not an address"),
        ("x://anna:geheim@h/cam", "x:// can't be read; there are rtsp, "),
    ],
)
def test_wrong_ones_are_said_as_they_are_shown(address: str, says: str) -> None:
    with pytest.raises(SettingsError, match=f"^SHOWN: {says}") as raised:
        host_of(given(address))
    assert "heim" not in str(raised.value)
    assert "'ge" not in str(raised.value)


def test_it_does_not_show_itself() -> None:
    assert "geheim" not in repr(given("rtsp://anna:geheim@h/cam"))
    assert "geheim" not in repr(NetworkAddress("rtsp://anna:geheim@h/cam", "tcp", 5, 5))
