"""The file reader and the file writer: what is in the workspace's files, and nothing else.

Covers: executor.tools.artifacts, executor.tools.built_in.file_reader, executor.tools.built_in.file_writer
"""

import contextlib
import io
import struct
import time
import zlib

import pytest
from executor_testkit.files import kept

from common.contracts.crew import ToolSnapshot
from executor.tools import texts
from executor.tools.built_in.file_reader import FileReader
from executor.tools.call import Call
from executor.tools.documents import plain_text
from executor.tools.parsing import text_of
from executor.tools.pdf import pdf_text
from executor.tools.tool import ToolFault


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", b"hello", "hello"),
        ("t.csv", b"\xef\xbb\xbfname,n\ntea,1\n", "name,n\ntea,1\n"),
        ("d.json", b'{"a": 1}', '{"a": 1}'),
        (
            "cut.txt",
            "Gr\u00fc\u00dfe \u20ac".encode()[:-1],
            "Gr\u00fc\u00dfe \ufffd\n… (broken bytes: 1, shown as \ufffd)",
        ),
        (
            "utf16.csv",
            "\ufeffname;n\r\nT\u00e9;1\r\n".encode("utf-16-le"),
            "name;n\r\nT\u00e9;1\r\n",
        ),
        ("be.csv", "\ufeffname;n\r\n".encode("utf-16-be"), "name;n\r\n"),
        ("bare16.txt", "hello you".encode("utf-16-le"), "hello you"),
        ("sub/deep/x.md", b"# x", "# x"),
        ("wide.txt", "Gr\u00f6\u00dfe".encode("utf-32"), "Gr\u00f6\u00dfe"),
        ("mail.txt", "日本語です".encode("iso2022_jp"), "日本語です"),
    ],
)
def test_it_reads_text(name, content, text):
    assert read(name, content) == text


def test_it_reads_pdf():
    assert "Tea sells" in text_of("pdf", pdf("Tea sells"))


def read(name, raw, offset=0):
    """Return what the tool says of a file with these bytes."""
    found = plain_text(name, raw)
    return texts.window(found.text, offset, found.note)


@pytest.mark.parametrize(
    ("codec", "name", "text"),
    [
        (
            "cp932",
            "Shift_JIS",
            "日本語の文章です。東京は今日も雨が降っています。明日は晴れるでしょう。",
        ),
        ("gb18030", "gb18030", "这是一个中文文件。北京今天下雨。明天会是晴天。我们去喝茶吧。"),
        (
            "cp1251",
            "windows-1251",
            "Это русский текст. Сегодня в Москве идёт дождь, и завтра будет солнце.",
        ),
        (
            "cp1252",
            "windows-1252",
            "Die Größe der Städte überrascht. Das Café öffnet früh, später schließt es.",
        ),
    ],
)
def test_an_encoding_is_guessed_and_the_guess_said(codec, name, text):
    assert read("old.txt", text.encode(codec)) == f"{text}\n… (its encoding is a guess: {name})"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "Où êtes-vous né ? 5 € \u2013 “déjà” prêt à l\u2019été.",
        "Это русский текст.\r\nИ ещё один.",
        "日本語の文章です。これは試験です。カタカナも。",
        "这是一个中文文件\uff0c用于测试编码。我们需要足够的文字。",
        "이것은 한국어 문장입니다.",
        "Αυτό είναι ένα κείμενο.",
    ],
)
def test_utf_16_needs_no_mark(codec, text):
    assert read("bare.txt", text.encode(codec)).startswith(text)


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", "Où êtes-vous né ? Le café coûte 5 € \u2013 “déjà” prêt à l\u2019été."),
        ("cp1252", "Não há coração sem emoção, às vezes é só você."),
        ("cp1252", "Räksmörgås på ön är gott."),
        ("cp1250", "Zażółć gęślą jaźń, proszę państwa \u2013 świetnie."),
        ("cp1250", "Árvíztűrő tükörfúrógép, őszi szüret."),
        ("euc_jp", "日本語の文章です。これは試験です。カタカナも。"),
        ("cp949", "이것은 한국어 문장입니다. 시험입니다."),
    ],
)
def test_guesses_are_right(codec, text):
    assert read("old.txt", (text * 3).encode(codec)).startswith(text * 3)


@pytest.mark.parametrize("pattern", ["<500H", "<500h", "<500I", ">500H"])
def test_numbers_are_no_text(pattern):
    numbers = [(n * 7919) % (300 if "I" in pattern else 3000) for n in range(500)]
    with pytest.raises(ToolFault, match="binary data"):
        read("n.bin", struct.pack(pattern, *numbers))


async def test_a_long_file_is_read_on(files, call):
    text = "".join(f"line {n}\n" for n in range(40_000))
    await kept(files, "long.txt", text.encode())
    reader, read, offset = FileReader(files), "", 0
    while True:
        found = await reader.run({"path": "long.txt", "offset": offset}, call)
        part, _, told = found.rpartition("\n… (")
        read, offset = read + part, offset + len(part)
        if "read on" not in told:
            break
        assert f"of {len(text)}; call again with offset {offset} to read on" in told
    assert read == text
    beyond = await reader.run({"path": "long.txt", "offset": len(text) + 1}, call)
    assert "nothing after" in beyond


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"PK\x03\x04xx", "a ZIP archive"),
        (b"\x1f\x8b\x08", "gzip'd data"),
        (bytes(range(256)), "binary data"),
    ],
)
def test_what_is_no_text_is_named(raw, what):
    with pytest.raises(ToolFault, match=what):
        read("b", raw)


async def test_the_tool_reads_the_files_of_the_calls_workspace(files, shop):
    mine = await kept(files, "a.txt", b"mine")
    await kept(files, "a.txt", b"theirs", "ws_2")
    tool = shop.toolbox().tool(ToolSnapshot(name="file_reader"))
    other = Call("ws_2", "job_1", "task_1", 1)
    assert await tool.call({"path": "a.txt"}, other) == "theirs"
    for path in ("b.txt", "../ws_1/a.txt", "/etc/passwd", mine.file_id, "nul\0.txt"):
        told = await tool.call({"path": path}, other)
        assert told == f"Error: there is no file {path} in the workspace."


async def test_a_file_that_the_job_was_given_comes_before_others_of_its_name(files, call):
    given = await kept(files, "a.txt", b"given")
    await kept(files, "a.txt", b"newer")
    call.files["a.txt"] = given.file_id
    assert await FileReader(files).run({"path": "a.txt"}, call) == "given"
    with pytest.raises(ToolFault, match="was given: a"):
        await FileReader(files).run({"path": "b.txt"}, call)
    await files.delete("ws_1", given.file_id)
    with pytest.raises(ToolFault, match="no file"):
        await FileReader(files).run({"path": "a.txt"}, call)


async def test_what_is_too_large_or_empty_is_said(files, call):
    await kept(files, "empty.txt", b"")
    assert await FileReader(files).run({"path": "empty.txt"}, call) == "empty.txt is empty."
    await kept(files, "large.txt", b"x" * 20_000_001)
    with pytest.raises(ToolFault, match="larger than 20 MB"):
        await FileReader(files).run({"path": "large.txt"}, call)


async def test_what_is_written_is_an_artifact_of_the_job_once(files, shop, call):
    tool = shop.toolbox().tool(ToolSnapshot(name="file_writer"))
    told = await tool.call({"name": "out/r.md", "content": "# Tea"}, call)
    (file,) = call.kept
    assert told == f"Wrote out/r.md (5 bytes); its id is {file.file_id}."
    assert (file.kind, file.media_type, file.origin.job_id) == (
        "artifact",
        "text/markdown",
        "job_1",
    )
    again = Call("ws_1", "job_1", "task_1", 3)
    assert await tool.call({"name": "out/r.md", "content": "# Tea"}, again) == told
    assert again.kept == [file]
    assert (await files.page("ws_1", limit=9)).total == 1
    assert await FileReader(files).run({"path": "out/r.md"}, call) == "# Tea"
    other = Call("ws_1", "job_2", "task_1", 3)
    with pytest.raises(ToolFault, match="no file"):
        await FileReader(files).run({"path": "out/r.md"}, other)
    assert "cannot be called" in await tool.call({"name": "../r.md", "content": "x"}, other)


@pytest.mark.parametrize("megabytes", [0.5, 20])
def test_a_small_pdf_that_is_much_to_read_does_not_keep_it_busy(megabytes, monkeypatch):
    """It cannot be cut off, and holds a thread that every tool's look-up of a host needs too."""
    monkeypatch.setattr("executor.tools.pdf._SECONDS", 0.2)
    raw = pdf("many) Tj (words", count=int(megabytes * 33_000), pages=100)
    assert len(raw) < 100_000
    begun = time.thread_time()
    with contextlib.suppress(ToolFault):
        assert "many" in pdf_text(raw)
    assert time.thread_time() - begun < 30


def pdf(text, count=1, pages=1):
    """Return a PDF whose pages share a compressed content, which says `text` so many times."""
    font = b"/Resources << /Font << /F1 5 0 R >> >>"
    said = b"BT /F1 24 Tf 50 700 Td " + b"".join([f"({text}) Tj ".encode()] * count) + b"ET"
    stream = zlib.compress(said)
    length = b"<< /Length %d /Filter /FlateDecode >>" % len(stream)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"3 0 R " * pages, pages),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R %s >>" % font,
        b"%s\nstream\n%s\nendstream" % (length, stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for place in places:
        out.write(b"%010d 00000 n \n" % place)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1))
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()
