"""Which addresses `std.http` may connect to: public ones, unless it is allowed more."""

import asyncio
import ipaddress
import socket

from stretto.worker.errors import NonRetryable

RESOLVE_TIMEOUT_S = 5.0

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(NonRetryable):
    """The host has an address that is not public: this machine, this network, or none at all."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public network, seen through every way to embed another."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """Return an address of a host that may be connected to.

    All its addresses have to be allowed: a name that points to a public and to a private address
    is a trick, or would be a matter of luck.

    Raises:
        AddressRefused: one of its addresses is not public.
        OSError: the name cannot be resolved.
        TimeoutError: it cannot be resolved in time.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(RESOLVE_TIMEOUT_S):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(info[4][0]) for info in found]
    if not allow_private:
        for text in addresses:
            if not is_public(ipaddress.ip_address(text.partition("%")[0])):
                raise AddressRefused(
                    f"expected {host} to be a public address, but it is {text}; "
                    "STRETTO_HTTP_ALLOW_PRIVATE allows it"
                )
    return addresses[0]


def _embedded(address: Address) -> Address | None:
    """The IPv4 address inside of an IPv6 one, where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
