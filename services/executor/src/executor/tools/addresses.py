"""Which network addresses a tool may connect to: public ones."""

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_CLOUD_SERVICES = (
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("192.0.0.0/24"),
)
"""Public by number, but served by the host's cloud to its own machines."""


def is_public(address: str) -> bool:
    """Tell whether `address` (an IP address, possibly with a scope) is a public one.

    Not public are private, loopback, link-local (cloud metadata too), carrier-grade NAT, multicast,
    reserved and unspecified ones, and IPv6 addresses that carry such an IPv4 address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_public(form) for form in _forms(parsed))


def _forms(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the address, or the addresses it carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    carried = [address.sixtofour, *(address.teredo or ())]
    return [address, *(inner for inner in carried if inner is not None)]


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _CLOUD_SERVICES)
    )
