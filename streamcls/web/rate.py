"""How often each client may ask."""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from streamcls import clock

_CLIENTS = 10_000  # known at the same time; who asked longest ago is forgotten
_V6_SITE = 64  # bits of an IPv6 address that belong to one who may choose the rest


@dataclass(slots=True, eq=False)
class _Bucket:
    tokens: float
    at_s: float


class RateLimit:
    """A token bucket for each client. One thread."""

    def __init__(self, per_s: float, burst: float) -> None:
        """`burst` requests at once, and `per_s` more a second; of 0 nobody may ask."""
        self._per_s, self._burst = per_s, burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, client: str, *, only_look: bool = False) -> float:
        """Takes one request of a client in: 0, or after how many seconds it may ask again."""
        key, now_s = _site(client), clock.now_s()
        bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now_s)
        self._buckets[key] = bucket
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        refilled = bucket.tokens + (now_s - bucket.at_s) * self._per_s
        bucket.tokens, bucket.at_s = min(self._burst, refilled), now_s
        if bucket.tokens >= 1:
            bucket.tokens -= 0 if only_look else 1
            return 0.0
        return (1 - bucket.tokens) / self._per_s


def _site(client: str) -> str:
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if address.version == 4:
        return client
    if address.ipv4_mapped is not None:  # as a socket for both has it
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _V6_SITE), strict=False))
