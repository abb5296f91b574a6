"""What providers say, as it can be shown."""

import pytest

from executor.models.masking import address, safe_text


@pytest.mark.parametrize(
    "said",
    [
        "Incorrect API key provided: sk-proj-abcdef123456.", "key gsk_abcdefgh12345678 is wrong",
        "Authorization: Bearer s3cr3tvalue", "http://user:s3cr3tvalue@host/v1 is away",
        "https://host/v1?key=s3cr3tvalue&x=1", "AIzaSyA-abcdefghijklmnop is invalid",
        "my very own secret is my-own-key",
    ],
)  # fmt: skip
def test_keys_are_left_out(said):
    told = safe_text(said, ("my-own-key",))
    assert "***" in told
    for secret in ("abcdef", "s3cr3tvalue", "my-own-key", "AIzaSy"):
        assert secret not in told


def test_what_is_no_key_stays():
    said = "invalid_api_key: the parameter task-list-of-keys is not known; see https://host/docs"
    assert safe_text(said) == said


def test_a_message_is_one_short_line():
    assert safe_text("a\n  b\tc") == "a b c"
    assert len(safe_text("word " * 10_000)) == 300


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://user:pass@host:8080/v1", "host:8080"), ("https://api.openai.com/v1/", "api.openai.com:443"),
        ("http://[::1]:9/v1", "::1:9"), ("", ""), ("nonsense", ""), ("http://host:99999", ""),
    ],
)  # fmt: skip
def test_an_address_is_host_and_port_alone(url, told):
    assert address(url) == told
