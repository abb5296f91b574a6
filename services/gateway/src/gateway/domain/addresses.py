"""The address a request comes from and the host it names, as far as they can be trusted."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

LOCAL = "local"
"""Stands for a peer that has no address (a Unix socket)."""
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
"""How some proxies write the address of their client."""


def client_address(
    peer: str | None, forwarded: Sequence[str], trusted: Sequence[IPv4Network | IPv6Network]
) -> str:
    """Return the client's address: the peer's or, where that is a trusted proxy, the one it forwards.

    `forwarded` are the `X-Forwarded-For` values in order. They are read from the right, and the
    first that is not a trusted proxy counts; everything left of it may be forged.
    """
    if peer is None:
        return LOCAL
    if not trusted or not _is_within(peer, trusted):
        return peer
    found = peer
    for entry in reversed([part.strip() for value in forwarded for part in value.split(",")]):
        address = _parse(entry)
        if address is None:
            break
        found = str(address)
        if not _is_within(entry, trusted):
            break
    return found


def requested_host(
    peer: str | None,
    host: str,
    forwarded: str,
    trusted: Sequence[IPv4Network | IPv6Network],
) -> str:
    """Return the host that the client named: `Host` or, from a trusted proxy, its `X-Forwarded-Host`."""
    believed = forwarded and peer is not None and _is_within(peer, trusted)
    return forwarded if believed else host


def requested_scheme(
    peer: str | None,
    scheme: str,
    forwarded: str,
    trusted: Sequence[IPv4Network | IPv6Network],
) -> str:
    """Return the client's scheme: the connection's or, from a trusted proxy, that of its `X-Forwarded-Proto`."""
    named = forwarded.partition(",")[0].strip().lower()
    believed = named in {"http", "https"} and peer is not None and _is_within(peer, trusted)
    return named if believed else scheme


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address without its port; an IPv4-mapped IPv6 address as IPv4."""
    ported = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address(ported[1] or ported[2] if ported else text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_within(text: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    parsed = _parse(text)
    return parsed is not None and any(parsed in network for network in networks)
