"""What a tool returns holds no known secret, however it is written."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from executor.tools.secrets import MASK, Mask

SECRET = 'p/a+s "wörd"&<7>='
B64 = base64.b64encode


@pytest.mark.parametrize(
    "write",
    [
        lambda s: s,
        lambda s: quote(s, safe=""),
        lambda s: quote(s, safe="").lower(),
        quote_plus,
        lambda s: json.dumps({"a": s}),
        lambda s: json.dumps({"a": s}, ensure_ascii=False),
        lambda s: json.dumps(json.dumps({"a": s})),
        lambda s: json.dumps(s).replace("/", "\\/"),
        lambda s: B64(s.encode()).decode(),
        lambda s: B64(f"user:{s}".encode()).decode(),
        lambda s: B64(f"x{s} and more".encode()).decode(),
        lambda s: base64.urlsafe_b64encode(f"xy{s}".encode()).decode(),
        lambda s: s.encode().hex(),
        lambda s: (
            s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        ),
    ],
)
def test_a_secret_is_taken_out_however_it_is_written(write):
    hidden = Mask([SECRET]).hide(f"before {write(SECRET)} after")
    assert MASK in hidden
    assert hidden.startswith("before")
    assert hidden.endswith("after")
    for form in (SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], SECRET.encode().hex()):
        assert form not in hidden


def test_words_are_left_alone():
    assert Mask(["", "a", "key"]).hide("a key") == "a key"
