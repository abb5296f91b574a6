import pytest

from events.routes.origin import allowed


@pytest.mark.parametrize(
    ("headers", "origins", "expected"),
    [
        ({"host": "a.example"}, set(), True),
        ({"origin": "https://a.example", "host": "a.example"}, set(), True),
        ({"origin": "https://A.example", "host": "a.example:443"}, set(), True),
        ({"origin": "http://a.example", "host": "a.example:443"}, set(), False),
        ({"origin": "http://localhost:8000", "host": "localhost:8000"}, set(), True),
        ({"origin": "http://localhost:8001", "host": "localhost:8000"}, set(), False),
        ({"origin": "http://[::1]:8000", "host": "[::1]:8000"}, set(), True),
        (
            {"origin": "https://a.example", "host": "x", "x-forwarded-host": "a.example"},
            set(),
            True,
        ),
        ({"origin": "https://a.example.evil", "host": "a.example"}, set(), False),
        ({"origin": "https://a.example@evil", "host": "evil"}, set(), False),
        ({"origin": "https://evil", "host": "a.example"}, {"https://evil"}, True),
        ({"origin": "https://evil", "host": "a.example"}, {"*"}, True),
        ({"origin": "null", "host": "null"}, set(), False),
        ({"origin": "https://", "host": ""}, set(), False),
        ({"origin": "https://a:99999999", "host": "a:99999999"}, set(), False),
        ({"origin": "https://[", "host": "["}, set(), False),
    ],
)
def test_who_may_open_a_socket(headers, origins, expected):
    assert allowed(headers, origins) is expected
