"""What the server allows: where it listens, who may ask, and how much."""

import ipaddress
import socket
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

MB = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """Limits and safety of one server.

    Attributes:
        host, port: where it listens; port 0 is any that is free.
        token: who asks has to know it; None for nobody has to.
        names: host names that requests may use besides addresses and this machine's own name.
        rate: requests a second of one client that is not on this machine; 0 for no limit.
        folder: videos below it may be named in jobs; None for none.
        jobs: where jobs are kept.
        image_bytes, image_pixels: the largest picture.
        archive_pictures, archive_bytes: the most pictures of an archive, and what all of it may
            unpack to.
        request_bytes, request_pixels: the largest request with pictures, as it comes and unpacked.
        waiting_bytes: all requests with pictures at the same time.
        video_bytes: the largest upload of a video.
        room: requests with pictures that may be at work or wait at the same time.
        viewers: live views at the same time.
        keep_s: how long a job is kept.
        waiting_jobs: how many may wait.
        idle_s: a request whose head or next part does not come for so long is given up.
        slowest_bytes_s: bytes a second that a body has to come with, on average.
    """

    host: str
    port: int
    jobs: Path
    token: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    rate: float = 20.0
    folder: Path | None = None
    image_bytes: int = 10 * MB
    image_pixels: int = 50 * MB
    archive_pictures: int = 1000
    archive_bytes: int = 500 * MB
    request_bytes: int = 100 * MB
    request_pixels: int = 2000 * MB
    waiting_bytes: int = 500 * MB
    video_bytes: int = 2000 * MB
    room: int = 64
    viewers: int = 64
    keep_s: float = 24 * 3600.0
    waiting_jobs: int = 16
    idle_s: float = 10.0
    slowest_bytes_s: float = 10_000.0

    @property
    def is_local(self) -> bool:
        """Whether only this machine can ask."""
        return is_loopback(self.host)

    def knows_host(self, host: str) -> bool:
        """Whether a request's Host header, without its port, may mean this server.

        Addresses always may: what has to be kept off are other people's names that are made to
        lead here (DNS rebinding), by which their pages could read our answers.
        """
        name = host.strip("[]").rstrip(".").lower()
        try:
            ipaddress.ip_address(name)
        except ValueError:
            own = () if self.is_local else own_names()
            known = ("localhost", self.host, *own, *self.names)
            return name in {each.lower() for each in known}
        return True


@cache
def own_names() -> tuple[str, str]:
    """What this machine calls itself; asked for once, since the second may ask the network."""
    return socket.gethostname(), socket.getfqdn()


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine and nobody else."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if address.version == 6 else None
    return (mapped or address).is_loopback
