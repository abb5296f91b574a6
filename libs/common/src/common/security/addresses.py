"""Which network addresses a request that users cause may go to: public ones, and what the operator allows."""

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_CLOUD_SERVICES = tuple(ipaddress.ip_network(net) for net in ("168.63.129.16/32", "192.0.0.0/24"))
"""Public by number, but used by cloud providers for their machines' internal services."""
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
        "::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32",
        "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
"""From IANA's registries of special addresses, whichever of them Python's version knows."""


def is_public(address: str) -> bool:
    """Tell whether `address` (an IP address, possibly with a scope) is public.

    Private, loopback, link-local (including cloud metadata), carrier-grade NAT, multicast, reserved
    and unspecified addresses are not, nor are IPv6 addresses that embed such an IPv4 address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_public(form) for form in _forms(parsed))


def _forms(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the address, and the IPv4 addresses embedded in it."""
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
        and not any(address in network for network in _CLOUD_SERVICES + _SPECIAL)
    )
