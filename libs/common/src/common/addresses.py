"""Addresses of clients, as rate limits count them."""

from ipaddress import IPv6Address, IPv6Network, ip_address


def counted_as(address: str) -> str:
    """Return the name under which `address` is counted: an IPv6 client owns its whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
    return address
