"""Which `Host` headers are for us."""

import pytest

from gateway.domain.hosts import AllowedHosts

LAPTOP = ["localhost", "127.0.0.1", "[::1]"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LOCALHOST:1",
        "localhost.",
        "127.0.0.1:8000",
        "[::1]:80",
        "[::1]",
    ],
)
def test_the_names_of_this_machine_hold_with_any_port(host: str):
    assert AllowedHosts(LAPTOP).allow(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "evil.example#localhost",
        "localhost@evil.example",
        "localhost:8000:1",
        "localhost, evil.example",
        "127.0.0.1.nip.io",
        "10.0.0.1",
        "::1",
        "[::2]",
        "[::1]evil",
        "",
    ],
)
def test_any_other_is_refused(host: str):
    assert not AllowedHosts(LAPTOP).allow(host)


def test_no_list_allows_any():
    assert AllowedHosts([]).allow("kasal.example.com")
    assert AllowedHosts([" ", ""]).allow("")
    assert AllowedHosts(["*"]).allow("kasal.example.com")


def test_a_star_stands_for_every_name_below():
    hosts = AllowedHosts(["*.example.com"])
    assert hosts.allow("api.example.com:443")
    assert not hosts.allow("example.com")
    assert not hosts.allow("evilexample.com")
    assert not hosts.allow("*.example.com")


def test_the_unspecified_address_stands_for_any_address_but_no_name():
    hosts = AllowedHosts(["0.0.0.0"])
    assert hosts.allow("192.168.1.7:8000")
    assert hosts.allow("[fe80::1]")
    assert not hosts.allow("evil.example")
