"""Forms are read in pieces of any size, within bounds; what is no form is refused.

Covers: common.web.forms
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InvalidRequest
from common.web.forms import LONGEST_HEADER, FormReader, PartHead, file_name

KIND = "multipart/form-data; boundary=b"
PLAIN = 'Content-Disposition: form-data; name="f"; filename="a.csv"\r\nContent-Type: text/csv'


def form(*parts: str) -> bytes:
    """Return a form whose parts each have a head and, after an empty line, what is in it."""
    return ("".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n").encode("latin-1")


def read(body: bytes, step: int = 0, kind: str = KIND) -> list[tuple[PartHead, bytes]]:
    reader = FormReader(kind, most_parts=3)
    found: list[tuple[PartHead, bytes]] = []
    for start in range(0, len(body), step or len(body) or 1):
        for piece in reader.feed(body[start : start + (step or len(body))]):
            if piece.head is not None:
                found.append((piece.head, b""))
            else:
                found[-1] = (found[-1][0], found[-1][1] + piece.data)
    reader.end()
    return found


@pytest.mark.parametrize("step", [1, 2, 7, 0])
def test_parts_come_whole_however_the_body_is_cut(step: int) -> None:
    body = form(f"{PLAIN}\r\n\r\nx\r\n--c\r\n-", 'Content-Disposition: form-data; name="n"\r\n\r\n')
    assert read(body, step) == [
        (PartHead("f", "a.csv", "text/csv"), b"x\r\n--c\r\n-"),
        (PartHead("n", "", ""), b""),
    ]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="f"; filename="Übersicht.csv"', "Übersicht.csv"),
        ("form-data; name=f; filename=a.csv", "a.csv"),
        ("attachment; filename*=UTF-8''%C3%9Cbersicht.csv", "Übersicht.csv"),
        ("attachment; filename=\"Ubersicht.csv\"; filename*=utf-8''%C3%9Cbersicht.csv", "Übersicht.csv"),
        ('form-data; filename="a;b=\\"c\\".csv"', 'a;b="c".csv'),
        ("form-data; filename*=nothing''a.csv", "a.csv"),
        ("form-data", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_files_are_called_as_their_head_says(disposition: str, name: str) -> None:
    as_received = disposition.encode().decode("latin-1")
    assert file_name(as_received) == name


@pytest.mark.parametrize(
    "disposition",
    [
        "a; filename*=\x00''a",
        "a; filename*=undefined''a",
        "a; filename*=idna''%C3%A9.",
        "a; filename*=utf-7''+2AA-",
        "a" + ";" * LONGEST_HEADER,
    ],
)
def test_a_name_that_cannot_be_read_is_refused(disposition: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        file_name(disposition)
    assert told.value.details["field"] == "Content-Disposition"


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("multipart/form-data", form(PLAIN), "names no boundary"),
        (f"multipart/form-data; boundary={'b' * 300}", form(PLAIN), "exceeds maximum"),
        ("multipart/form-data; boundary=\u20ac", form(PLAIN), "encode"),
        (KIND, b"", "before its last boundary"),
        (KIND, form(f"{PLAIN}\r\n\r\nx")[:-4], "before its last boundary"),
        (KIND, b"nothing of a form", "boundary"),
        (KIND, form(*[f"{PLAIN}\r\n\r\nx"] * 4), "more than 3 parts"),
        (KIND, form(f"A: {'x' * 50_000}\r\n\r\nx"), "header size"),
        (KIND, form("\r\n".join(f"A{n}: x" for n in range(500)) + "\r\n\r\nx"), "header count"),
        (KIND, form("Content-Transfer-Encoding: base64\r\n\r\neA=="), "as they are"),
    ],
)
def test_what_is_no_form_is_refused(kind: str, body: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        read(body, kind=kind)
    assert told.value.details["field"] == "body"
    assert why in str(told.value.details["reason"])


SHREDS = st.sampled_from([
    "--b", "--b--", "\r\n", "\r\n\r\n", "\n", "Content-Disposition: form-data", "; name=", "; filename*", "0", "*=",
    "utf-8''", '"', "\\", ":", "\x00", "Content-Type: multipart/mixed; boundary=c", "--c", "\xff", " ", "x",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(SHREDS, max_size=30).map("".join), st.integers(0, 5))
def test_any_body_is_read_or_refused(shreds: str, step: int) -> None:
    for body in (shreds.encode("latin-1"), form(shreds), form(f"{PLAIN}{shreds}\r\n\r\n{shreds}")):
        try:
            found = read(body, step)
        except InvalidRequest:
            continue
        assert len(found) <= 3
