"""Which addresses a tool may connect to."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.security.addresses import is_public
from common.security.outgoing import OutgoingGuard

INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "169.254.1.1", "100.64.0.1", "100.100.100.200",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
    "168.63.129.16", "192.0.0.192",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::",
    "2001:0:7f00:1::", "100::1",
    "fec0::1", "feff::1", "3fff::1", "3fff:fff::1", "5f00::1", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808",
    "::808:808", "::ffff:0:0", "192.88.99.1", "198.19.255.255", "0.1.2.3", "2001:2::1", "ff0e::1",
    "fec0::1%1", "2002:c0a8:101::1", "::ffff:100.64.0.1", "64:ff9b::6440:1",
    "", "localhost", "1.2.3", "nonsense",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", INSIDE)
def test_inside_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_is_allowed(address):
    assert is_public(address)


PRIVATE = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16",
           "172.16.0.0/12", "169.254.0.0/16", "100.64.0.0/10", "224.0.0.0/4")]  # fmt: skip


@given(st.sampled_from(PRIVATE), st.integers(0, 2**32))
def test_no_form_of_a_private_address_is_public(network, offset):
    address = network[offset % network.num_addresses]
    mapped = ipaddress.IPv6Address((0xFFFF << 32) | int(address))
    nat64 = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address))
    sixtofour = ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80))
    for form in (address, mapped, nat64, sixtofour):
        assert not is_public(str(form)), form


async def test_a_guard_refuses_what_is_inside_unless_it_is_allowed():
    guard = OutgoingGuard(["localhost:8080", "Box.Example"])
    assert await guard.fault("http://localhost:8080/v1") is None
    assert await guard.fault("http://box.example/v1") is None
    assert "KASAL_TOOL_ALLOWED_HOSTS" in str(await guard.fault("http://localhost/v1"))
    assert "KASAL_TOOL_ALLOWED_HOSTS" in str(await guard.fault("http://[::1]:8080/v1"))
    assert await guard.fault("https://8.8.8.8/v1") is None


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("http://localhost/v1", True), ("http://localhost.:1/v1", True), ("http://a.localhost/", True),
        ("http://127.0.0.1/", True), ("http://[::ffff:10.0.0.1]/", True), ("http://localhost:8080/v1", False),
        ("http://8.8.8.8/", False), ("http://localhost.example/", False), ("http://box/", False),
    ],
)  # fmt: skip
def test_what_is_inside_is_told_without_a_look_up(url, refused):
    assert OutgoingGuard(["localhost:8080"]).surely_refuses(url) is refused
