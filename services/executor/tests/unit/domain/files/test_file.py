"""What a file may be called, and what kind of content it has."""

import pytest

from common.errors import InvalidRequest
from executor.domain.files.file import clean_media_type, clean_name, media_type_of


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (" a.csv ", "a.csv"),
        ("reports/q3.csv", "reports/q3.csv"),
        ("reports\\q3.csv", "reports/q3.csv"),
        ("u\u0308.txt", "\u00fc.txt"),
        (".hidden", ".hidden"),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_name_is_a_path_inside(given, name):
    assert clean_name(given) == name


@pytest.mark.parametrize(
    "given",
    ["", " ", "x" * 256, "/etc/passwd", "a/../b", "..", ".", "a//b", "a/", "C:\\..\\x", "a\0b", "a\nb", "a\u2028b", "\ud800"],
)  # fmt: skip
def test_what_leads_elsewhere_is_no_name(given):
    with pytest.raises(InvalidRequest) as fault:
        clean_name(given, "filename")
    assert fault.value.details["field"] == "filename"


@pytest.mark.parametrize(
    ("name", "beginning", "given", "kind"),
    [
        ("a.csv", b"a,b", "", "text/csv"),
        ("a.csv", b"a,b", "text/plain; charset=x", "text/plain"),
        ("a.csv", b"%PDF-1.7", "text/csv", "application/pdf"),
        ("a.docx", b"PK\x03\x04", "", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.docx", b"PK\x03\x04", "application/zip", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.csv", b"PK\x03\x04", "text/csv", "application/zip"),
        ("a", b"PK\x03\x04", "application/epub+zip", "application/epub+zip"),
        ("a.md", b"# a", "application/octet-stream", "text/markdown"),
        ("a.unheardof", b"??", "", "application/octet-stream"),
        ("a", b"", "no type", "application/octet-stream"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "text/html", "image/png"),
    ],
)  # fmt: skip
def test_content_counts_most_then_the_sender_then_the_name(name, beginning, given, kind):
    assert media_type_of(name, beginning, given) == kind


def test_a_media_type_fits_in_a_header():
    assert clean_media_type("Text/HTML; charset=utf-8") == "text/html"
    for bad in ("text/html\r\nX-A: b", "text", "a/" + "b" * 200, "text/ html"):
        assert clean_media_type(bad) == ""
