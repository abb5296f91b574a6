"""The file reader: what is in the workspace's folder, and nothing else."""

import contextlib
import io
import os
import stat
import struct
import time
import zlib
from pathlib import Path

import pytest

from executor.tools.built_in.file_reader import FileReader
from executor.tools.call import Call
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
        ("empty.txt", b"", "empty.txt is empty."),
    ],
)
def test_it_reads_text(folder, name, content, text):
    file = folder / "ws_1" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    assert FileReader(folder).read("ws_1", name) == text


def test_it_reads_pdf(folder):
    (folder / "ws_1" / "p.pdf").write_bytes(pdf("Tea sells"))
    assert "Tea sells" in FileReader(folder).read("ws_1", "p.pdf")


@pytest.mark.parametrize(
    "path",
    [
        "../ws_2/secret.txt",
        "..",
        ".",
        "",
        "/etc/passwd",
        "a/../../ws_2/secret.txt",
        "..\\ws_2\\secret.txt",
        "link.txt",
        "linked/secret.txt",
        "linked",
        "pipe",
        "missing.txt",
        "a.txt/x",
        "nul\0.txt",
        "x" * 900,
        "binary.bin",
        "broken.pdf",
        "large.txt",
    ],
)
def test_it_reads_nothing_else(folder, path):
    mine, other = folder / "ws_1", folder / "ws_2"
    (other / "secret.txt").write_text("SECRET")
    (mine / "a.txt").write_text("a")
    (mine / "link.txt").symlink_to(other / "secret.txt")
    (mine / "linked").symlink_to(other)
    os.mkfifo(mine / "pipe")
    (mine / "binary.bin").write_bytes(b"a\0b")
    (mine / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    with (mine / "large.txt").open("wb") as large:
        large.truncate(11 * 1024 * 1024)
    with pytest.raises(ToolFault):
        FileReader(folder).read("ws_1", path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("d", "d is a folder"),
        ("d/..", "inside the workspace"),
        ("pipe", "pipe is not a file"),
        ("socket", "cannot be opened"),
        ("link", "cannot be opened"),
        ("a.txt/x", "cannot be opened"),
        ("d/missing", "no file"),
        ("large.txt", "larger than"),
        ("a.txt", None),
    ],
)
def test_no_way_of_reading_keeps_a_descriptor(folder, path, reason):
    mine = folder / "ws_1"
    (mine / "d").mkdir()
    (mine / "a.txt").write_text("a")
    (mine / "link").symlink_to("/dev/zero")
    os.mkfifo(mine / "pipe")
    os.mknod(mine / "socket", 0o600 | stat.S_IFSOCK)
    with (mine / "large.txt").open("wb") as large:
        large.truncate(11 * 1024 * 1024)
    before = descriptors()
    for _ in range(20):
        with pytest.raises(ToolFault, match=reason) if reason else contextlib.nullcontext():
            FileReader(folder).read("ws_1", path)
    assert descriptors() == before


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
def test_an_encoding_is_guessed_and_the_guess_said(folder, codec, name, text):
    (folder / "ws_1" / "old.txt").write_bytes(text.encode(codec))
    assert (
        FileReader(folder).read("ws_1", "old.txt") == f"{text}\n… (its encoding is a guess: {name})"
    )


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
def test_utf_16_needs_no_mark(folder, codec, text):
    (folder / "ws_1" / "bare.txt").write_bytes(text.encode(codec))
    assert FileReader(folder).read("ws_1", "bare.txt").startswith(text)


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
def test_guesses_are_right(folder, codec, text):
    (folder / "ws_1" / "old.txt").write_bytes((text * 3).encode(codec))
    assert FileReader(folder).read("ws_1", "old.txt").startswith(text * 3)


@pytest.mark.parametrize("pattern", ["<500H", "<500h", "<500I", ">500H"])
def test_numbers_are_no_text(folder, pattern):
    numbers = [(n * 7919) % (300 if "I" in pattern else 3000) for n in range(500)]
    (folder / "ws_1" / "n.bin").write_bytes(struct.pack(pattern, *numbers))
    with pytest.raises(ToolFault, match="binary data"):
        FileReader(folder).read("ws_1", "n.bin")


def test_a_long_file_is_read_on(folder):
    text = "".join(f"line {n}\n" for n in range(40_000))
    (folder / "ws_1" / "long.txt").write_text(text)
    read, offset = "", 0
    while True:
        part, _, told = FileReader(folder).read("ws_1", "long.txt", offset).rpartition("\n… (")
        read, offset = read + part, offset + len(part)
        if "read on" not in told:
            break
        assert f"of {len(text)}; call again with offset {offset} to read on" in told
    assert read == text
    assert "nothing after" in FileReader(folder).read("ws_1", "long.txt", len(text) + 1)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"PK\x03\x04xx", "a ZIP archive"),
        (b"\x1f\x8b\x08", "gzip'd data"),
        (bytes(range(256)), "binary data"),
    ],
)
def test_what_is_no_text_is_named(folder, raw, what):
    (folder / "ws_1" / "b").write_bytes(raw)
    with pytest.raises(ToolFault, match=what):
        FileReader(folder).read("ws_1", "b")


def descriptors() -> int:
    """Return how many files this process has open."""
    places = [Path("/proc/self/fd"), Path("/dev/fd")]
    return len(list(next(place for place in places if place.is_dir()).iterdir()))


@pytest.mark.parametrize("workspace", ["../ws_2", "..", "", "ws_9", "ws_2/..", "/etc"])
def test_a_workspace_is_one_folder(folder, workspace):
    (folder / "ws_2" / "secret.txt").write_text("SECRET")
    with pytest.raises(ToolFault):
        FileReader(folder).read(workspace, "secret.txt")


async def test_the_tool_reads_for_the_calls_workspace(folder, shop):
    from common.contracts.crew import ToolSnapshot

    (folder / "ws_1" / "a.txt").write_text("mine")
    (folder / "ws_2" / "a.txt").write_text("theirs")
    tool = shop.toolbox().tool(ToolSnapshot(name="file_reader"))
    assert await tool.call({"path": "a.txt"}, Call("ws_2", "job_1", "task_1", 1)) == "theirs"
    missing = await tool.call({"path": "b.txt"}, Call("ws_1", "job_1", "task_1", 1))
    assert missing == "Error: there is no file b.txt in the workspace's folder."


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
