"""Addresses of network streams."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streamcls.capture.kind import Address
from streamcls.errors import SettingsError

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "rtp", "tcp")


@dataclass(slots=True, eq=False)
class NetworkAddress:
    """Where a stream is and how it is read; connections learn from earlier ones.

    Attributes:
        url: with user and password, if any.
        transport: "tcp" or "udp", for RTSP.
        connect_timeout_s, read_timeout_s: how long the source may be silent.
        early: whether to try `EarlyDecoder`.
    """

    url: str = field(repr=False)
    transport: str
    connect_timeout_s: float
    read_timeout_s: float
    early: bool = True

    @property
    def is_rtsp(self) -> bool:
        """Whether it is RTSP, with TLS or without."""
        return self.url.startswith(("rtsp://", "rtsps://"))


def host_of(address: Address) -> str:
    """The host in an address.

    Raises:
        SettingsError: there is none, it is not an address at all, or of a kind that can't be read.
    """
    shown = address.shown
    try:
        parts = urlsplit(address.text)
        host, _ = parts.hostname, parts.port  # which checks it
    except ValueError as error:
        # What is quoted may be a part of the password, where that has a / or a : in it.
        quotes = "'" in str(error)
        why = "a port is a number; in a password / is %2F and : is %3A" if quotes else error
        raise SettingsError(f"{shown}: not an address: {why}") from None
    if any(character.isspace() for character in address.text):
        raise SettingsError(f"{shown}: a blank in an address is written %20")
    if not host:
        raise SettingsError(f"{shown}: there is no host in this address")
    if parts.scheme not in SCHEMES:
        known = ", ".join((*SCHEMES, "sim"))
        raise SettingsError(f"{shown}: {parts.scheme}:// can't be read; there are {known}")
    return host
