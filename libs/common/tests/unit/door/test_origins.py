"""Whose pages may use the platform from a browser."""

import pytest

from common.door.origins import AllowedOrigins

HOST = ("a.example", "")


@pytest.mark.parametrize(
    ("origin", "hosts", "listed", "expected"),
    [
        ("", HOST, "", True),
        ("https://a.example", HOST, "", True),
        ("https://A.example", ("a.example:443",), "", True),
        ("http://a.example", ("a.example:443",), "", False),
        ("http://localhost:8000", ("localhost:8000",), "", True),
        ("http://localhost:8001", ("localhost:8000",), "", False),
        ("http://[::1]:8000", ("[::1]:8000",), "", True),
        ("https://a.example", ("x", " A.example"), "", True),
        ("https://a.example.evil", HOST, "", False),
        ("https://a.example@evil", ("evil",), "", False),
        ("https://other", HOST, "https://one, https://OTHER/", True),
        ("https://other", HOST, "*", True),
        ("null", ("null",), "", False),
        ("https://", ("",), "", False),
        ("https://a:99999999", ("a:99999999",), "", False),
        ("https://[", ("[",), "", False),
    ],
)
def test_who_may_open_a_connection(origin, hosts, listed, expected):
    assert AllowedOrigins(listed).admit(origin, hosts) is expected


@pytest.mark.parametrize(
    ("listed", "origin", "expected"),
    [
        ("", "https://a.example", False),
        ("https://a.example, https://b.example", "https://b.example", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("*", "null", True),
    ],
)
def test_which_origins_are_listed(listed, origin, expected):
    assert AllowedOrigins(listed).include(origin) is expected
    assert bool(AllowedOrigins(listed)) is bool(listed)
