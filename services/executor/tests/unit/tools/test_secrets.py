"""What a tool returns holds no known secret, however it is written.

Covers: executor.tools.escapes
"""

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus, unquote

import pytest

from executor.tools.secrets import MASK, Mask

SECRET = 'p/a+s "wörd"&<7>='
B64 = base64.b64encode


def _utf16(text):
    units = text.encode("utf-16-be")
    return [units[at : at + 2] for at in range(0, len(units), 2)]


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


@pytest.mark.parametrize(
    "write",
    [
        lambda s: "".join(f"&#{ord(letter)};" for letter in s),
        lambda s: "".join(f"&#x{ord(letter):X};" for letter in s),
        lambda s: "".join(f"\\u{unit.hex()}" for unit in _utf16(s)),
        lambda s: s.replace("+", "&#43;").replace("=", "&#61;").replace("/", "&#x2F;"),
        lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
        lambda s: (
            json.dumps(s).replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003E")
        ),
        lambda s: json.dumps({"page": html.escape(s)}),
        lambda s: html.escape(json.dumps({"header": s})),
        lambda s: quote(json.dumps({"header": s})),
        lambda s: html.escape(quote(json.dumps(json.dumps(s)))),
        lambda s: quote(quote(quote(s))),
        lambda s: json.dumps(repr([f"Bearer {s}"])),
        lambda s: (
            html.escape(B64(s.encode()).decode()).replace("=", "&#x3D;").replace("+", "&#43;")
        ),
        lambda s: quote(B64(f"user:{s}".encode()).decode(), safe=""),
    ],
)
@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        "ab+/cd==+/9",
        'it\'s <b>&amp;</b> 100%25 "quoted"',
        "back\\slash\\u0041\\\\n",
        "pässwörd-😀-long",
    ],
)
def test_escapes_in_escapes_hide_no_secret(write, secret):
    hidden = Mask([secret]).hide(f"é before &amp; {write(secret)} after %41")
    assert MASK in hidden
    assert hidden.startswith("é before &amp; ")
    assert hidden.endswith(" after %41")
    read = hidden
    for _ in range(6):
        read = html.unescape(unquote(read))
        assert secret not in read


def test_what_holds_no_secret_stays_as_it_was_written():
    text = r'{"a": "\u00e9 %20 &lt;b&gt; \\ \n", "b": "100%", "c": "\ud83d &nope; &#999999999;"}'
    assert Mask([SECRET]).hide(text) == text


@pytest.mark.parametrize(
    "part", [r"\"", "%25", "&amp;", "&#38;#38;", r"\\\\", r"\ud83d", "&", "\\"]
)
def test_texts_of_nothing_but_escapes_take_no_longer_than_they_may(part):
    text = part * (40_000 // len(part))
    begun = time.process_time()
    assert Mask([SECRET, "another-secret"]).hide(text) == text
    assert time.process_time() - begun < 2


def test_words_are_left_alone():
    assert Mask(["", "a", "key"]).hide("a key") == "a key"
