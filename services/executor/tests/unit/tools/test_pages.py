"""Pages as text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.tools.built_in.web_fetch import page_text
from executor.tools.markdown import markdown
from executor.tools.network import Incoming
from executor.tools.tool import ToolFault


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two  \n words</p>", "One\n\nTwo words"),
        ("<h2>Tea</h2>Sells", "## Tea\n\nSells"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ('<a href="https://x.y/z">there</a>', "[there](https://x.y/z)"),
        ('<a href="javascript:x()">there</a>', "[there]"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "| 1 | 2\n| 3"),
        ("a<script>evil()</script>b<style>c</style>d", "abd"),
        ("<title>T</title><p>x", "# T\n\nx"),
        ("<title>T</title><h1>H</h1>x", "# H\n\nx"),
        ("a<br>b", "a\nb"),
        ("caf\u00e9 &amp; &lt;b&gt;", "caf\u00e9 & <b>"),
        ("<!-- a -->b", "b"),
        ("", ""),
        ("<", "<"),
        ("<script>x</script>", ""),
    ],
)
def test_a_page_becomes_what_one_reads(html, text):
    assert markdown(html) == text


HALF = 512 * 1024


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<div>", "<!--", "<ul><li>", "&#", "<table><tr><td>x", '<a href="x">y</a>', "[", " \n",
     "<", "<blockquote>", "\0", "<b> </b>", "<h1>", "<svg>", "\n\n\n "],
)  # fmt: skip
def test_no_page_keeps_it_busy(piece):
    begun = time.thread_time()
    markdown("<p>" + piece * (HALF // len(piece)))
    assert time.thread_time() - begun < 30


@given(st.text(alphabet="<>/apbdivscript ='\"&;#x!-\0\n\ud800", max_size=200))
def test_whatever_comes_it_is_read(html):
    assert isinstance(markdown(html), str)


def page(body, kind="text/html", charset=""):
    return page_text(Incoming(200, kind, charset, body, cut=False))


def test_charsets_are_honoured_and_unknown_ones_survived():
    assert page("caf\u00e9".encode("latin-1"), charset="latin-1") == "caf\u00e9"
    assert page("caf\u00e9".encode(), charset="banana") == "caf\u00e9"


def test_what_is_no_text_is_refused():
    with pytest.raises(ToolFault):
        page(b"\0\1", "application/octet-stream")


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "unicode_escape", "utf-7"])
def test_codecs_that_are_no_charsets_of_pages_are_not_used(charset):
    """One takes a minute for an answer, on the loop that keeps the worker's lease; others fail."""
    text = b"a-\\u0041+AEE-" * 10
    answer = Incoming(200, "text/plain", charset, text, cut=False)
    assert answer.text() == text.decode()


@pytest.mark.parametrize(
    "charset", ["iso-8859-1", "Windows-1252", "utf-16", "shift_jis", "GB18030", "koi8-r", "big5"]
)
def test_charsets_of_pages_are_known(charset):
    answer = Incoming(200, "text/plain", charset, "tea".encode(charset), cut=False)
    assert answer.text() == "tea"


@pytest.mark.parametrize(
    ("body", "kind", "charset"),
    [
        ('<meta charset="Shift_JIS">日本'.encode("cp932"), "text/html", ""),
        (
            "<meta http-equiv='content-type' content='text/html; charset=gb2312'>日本".encode(
                "gbk"
            ),
            "text/html",
            "",
        ),
        ("\ufeff<p>日本".encode("utf-16-le"), "text/html", "iso-8859-1"),
        ("\ufeff<p>日本".encode("utf-16-be"), "text/html", ""),
        ("<p>日本".encode("cp932"), "text/html", "windows-31j"),
        (
            '<?xml version="1.0" encoding="EUC-JP"?><a>日本</a>'.encode("euc_jp"),
            "application/xml",
            "",
        ),
        ("日本".encode(), "text/plain", "banana"),
        ('<meta charset="utf-16">日本'.encode(), "text/html", ""),
        ('<!-- <meta charset="koi8-r"> --><p>日本'.encode(), "text/html", ""),
        ("日本 ①".encode("cp932"), "text/plain", "x-sjis"),
        ("日本".encode("cp949"), "text/plain", "euc-kr"),
        ("<p>Это 日本</p>".encode("utf-16-le"), "text/html", "utf-16le"),
        ("<p>Это 日本</p>".encode("utf-16-le"), "text/html", "UTF-16"),
        ("<p>Это 日本</p>".encode("utf-16-be"), "text/html", "utf-16be"),
        ("日本語の文章です。 これは試験です。".encode("utf-16-be"), "text/plain", "utf-16be"),
    ],
)
def test_encodings_are_found_in_the_order_of_the_standard(body, kind, charset):
    assert "日本" in page(body, kind, charset)


@pytest.mark.parametrize("charset", ["", "iso-8859-1", "latin1", "us-ascii", "windows-1252"])
def test_what_says_latin_1_is_windows_1252(charset):
    assert page("“café” 5 €".encode("cp1252"), "text/plain", charset) == "“café” 5 €"


@pytest.mark.parametrize(
    ("body", "kind", "what"),
    [
        (b"\x89PNG\r\n\x1a\n", "text/html", "a PNG image, 8 bytes"),
        (b"abc", "image/webp", "image/webp, 3 bytes"),
        (b"PK\x03\x04" + bytes(2_000), "", "a ZIP archive or Office document, 2.0 kB"),
    ],
)
def test_what_is_no_page_is_named(body, kind, what):
    with pytest.raises(ToolFault, match=what):
        page(body, kind)
