"""Decodes bytes in their encoding: named by the sender, declared in the text, or guessed.

Names and order follow the WHATWG Encoding and HTML standards: the byte order mark, the header, the
document's declaration, UTF-8, and windows-1252 for pages. Only codecs meant for texts are used: of
Python's others, `punycode` can take a minute for one answer.
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from executor.tools.wide import utf16

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the one of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LABELS = {
    "cp1252": "ascii us-ascii ansi_x3.4-1968 iso-8859-1 iso_8859-1 iso8859-1 iso88591 latin1 latin-1 l1 "
    "ibm819 cp819 csisolatin1 windows-1252 x-cp1252",
    "gb18030": "gb2312 gb_2312 gb_2312-80 gbk x-gbk chinese csgb2312 iso-ir-58 gb18030",
    "cp932": "shift_jis shift-jis sjis x-sjis ms_kanji ms932 windows-31j csshiftjis",
    "cp949": "euc-kr cseuckr ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 korean windows-949 iso-ir-149",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "euc-jp x-euc-jp cseucpkdfmtjapanese",
    "cp1254": "iso-8859-9 iso8859-9 latin5 l5 csisolatin5 windows-1254 x-cp1254",
    "cp874": "tis-620 iso-8859-11 iso8859-11 dos-874 windows-874",
    "cp1250": "x-cp1250",
    "cp1251": "x-cp1251",
    "mac_roman": "macintosh mac x-mac-roman csmacintosh",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "koi8_r": "koi koi8 koi8_r cskoi8r",
    "iso8859_8": "iso-8859-8-i iso-8859-8-e logical visual hebrew",
    "utf-8": "utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    "utf-16-le": "utf-16 unicode ucs-2 iso-10646-ucs-2 csunicode unicodefeff",
    "utf-16-be": "unicodefffe",
}
_CODEC = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}
_CODECS = re.compile(
    r"utf-(8|16|32)(-[bl]e)?|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|tis-620"
    r"|gb18030|gbk|gb2312|hz|big5\w*|shift_jis\w*|euc_\w+|iso2022_\w+|johab"
)
_META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w.:+-]{2,40})", re.IGNORECASE)
_XML = re.compile(
    rb"\A\s{0,20}<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:+-]{2,40})[\"']", re.IGNORECASE
)
_COMMENT = re.compile(rb"<!--.{0,1024}?(-->|\Z)", re.DOTALL)
_DECLARED_WITHIN = 1024
_GUESSED_FROM = 64 * 1024
_GUESSES = ["cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1251", "koi8_r", "cp1250", "cp1252"]
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"),
    (b"RIFF", "a RIFF file (WebP, WAV or AVI)"), (b"PK\x03\x04", "a ZIP archive or Office document"),
    (b"PK\x05\x06", "an empty ZIP archive"), (b"%PDF-", "a PDF document"), (b"\x1f\x8b", "gzip'd data"),
    (b"BZh", "bzip2'd data"), (b"\xfd7zXZ", "xz'd data"), (b"\x28\xb5\x2f\xfd", "zstd'd data"),
    (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive"), (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "a SQLite database"), (b"OggS", "an Ogg file"), (b"ID3", "an MP3 file"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"), (b"\0asm", "a WebAssembly module"),
)  # fmt: skip
_TEXT_KINDS = re.compile(
    r"text/.*|.*[/+](json|xml|yaml|x-yaml|javascript|x-ndjson|csv|x-www-form-urlencoded)"
)
_CONTROLS = frozenset(range(32)) - {7, 8, 9, 10, 12, 13, 27}


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A decoded text, with a note on how it was read (empty if there is nothing to note)."""

    text: str
    note: str = ""


def codec_of(label: str) -> str | None:
    """Return Python's name for the encoding that pages call `label`, or None if it is unknown."""
    label = label.strip().lower()
    if label in _CODEC:
        return _CODEC[label]
    try:
        known = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    return known if _CODECS.fullmatch(known) else None


def codec_by_mark(raw: bytes) -> str | None:
    """Return the encoding that a byte order mark shows, or the zeros of UTF-16 without one."""
    for mark, codec in _MARKS:
        if raw.startswith(mark) and (mark != codecs.BOM_UTF32_LE or len(raw) % 4 == 0):
            return codec
    head = raw[: 4096 & ~1]
    half = len(head) // 2
    if half >= 2 and not head.startswith((b"\0\0", b"\1")):
        for codec, zeros, others in (
            ("utf-16-le", head[1::2], head[::2]),
            ("utf-16-be", head[::2], head[1::2]),
        ):
            if zeros.count(0) > half * 0.7 and others.count(0) <= half * 0.02 and _plain(others):
                return codec
    return None


def _codec_by_zeros(raw: bytes) -> str | None:
    """Return the encoding of bytes that contain zeros: UTF-16, or None."""
    return utf16(raw) if b"\0" in raw[:4096] else None


def _codec_by_shifts(raw: bytes) -> str | None:
    """Return ISO-2022-JP for bytes with its shift sequences, which otherwise look like ASCII."""
    if not any(mark in raw[:_GUESSED_FROM] for mark in (b"\x1b$B", b"\x1b$@")):
        return None
    return "iso2022_jp" if raw.isascii() else None


def _plain(others: bytes) -> bool:
    return sum(byte in _CONTROLS for byte in others) <= len(others) * 0.02


def decode_page(raw: bytes, charset: str, kind: str) -> str:
    """Return the text of an answer from the web."""
    codec = (
        codec_by_mark(raw)
        or codec_of(charset)
        or _codec_by_zeros(raw)
        or _declared_codec(raw, kind)
    )
    if codec is None:
        codec = "utf-8" if _is_utf8(raw) else "cp1252"
    return _decode(raw, codec)


def _declared_codec(raw: bytes, kind: str) -> str | None:
    if not any(word in kind for word in ("html", "xml")) and kind:
        return None
    head = _COMMENT.sub(b"", raw[:_DECLARED_WITHIN])
    found = _XML.search(head) or _META.search(head)
    codec = codec_of(found[1].decode("ascii", "replace")) if found else None
    return (
        "utf-8" if codec in {"utf-16-le", "utf-16-be"} else codec
    )  # it could not be read if it were


def _is_utf8(raw: bytes) -> bool:
    """Tell whether bytes are UTF-8, apart from a few broken ones or a character cut off at the end."""
    try:
        raw.decode()
    except UnicodeDecodeError as fault:
        if fault.start > len(raw) - 4 and fault.end >= len(raw) > fault.start + 1:
            return True  # two or three bytes of a character
    else:
        return True
    text = raw.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    read = sum(1 for letter in text if letter > "\x7f") - broken
    return read >= max(4 * (broken - 1), 1)


def _decode(raw: bytes, codec: str) -> str:
    return raw.decode(codec, "replace").removeprefix("\ufeff")


def decode_file(raw: bytes) -> DecodedText:
    """Return the text of a file of unknown encoding; blocks for a second at most."""
    codec = codec_by_mark(raw) or _codec_by_zeros(raw) or _codec_by_shifts(raw)
    if codec is None and _is_utf8(raw):
        codec = "utf-8"
    if codec is not None:
        text = _decode(raw, codec)
        broken = text.count("\ufffd") - (raw.count("\ufffd".encode()) if codec == "utf-8" else 0)
        return DecodedText(text, f"broken bytes: {broken}, shown as \ufffd" if broken > 0 else "")
    codec = _guess(raw)
    return DecodedText(_decode(raw, codec), f"its encoding is a guess: {_label_of(codec)}")


def _guess(raw: bytes) -> str:
    from charset_normalizer import from_bytes

    found = from_bytes(raw[:_GUESSED_FROM], cp_isolation=_GUESSES, preemptive_behaviour=False)
    best = found.best()
    if best is None or _is_western(best, found):
        return utf16(raw) or "cp1252"
    return best.encoding


def _is_western(best: Any, found: Iterable[Any]) -> bool:
    """Tell whether windows-1252 fits as well as `best`: it is far more common than windows-1250."""
    if best.encoding == "cp1252" or "cp1252" in best.could_be_from_charset:
        return True
    western = next((one for one in found if one.encoding == "cp1252"), None)
    return (
        western is not None
        and best.encoding == "cp1250"
        and western.chaos <= best.chaos
        and western.coherence >= best.coherence
    )


def _label_of(codec: str) -> str:
    known = {"cp932": "Shift_JIS", "cp949": "EUC-KR"}
    return known.get(codec, codec.replace("cp125", "windows-125").replace("_", "-"))


def describe_binary(raw: bytes, kind: str = "", charset: str = "") -> str | None:
    """Return what `raw` is if it is not text ("a PNG image, 2.1 kB"), or None for a text.

    `charset` is the encoding that the sender names: only UTF-16 and UTF-32 contain zeros.
    """
    what = next((name for begin, name in _KINDS if raw.startswith(begin)), None)
    family = kind.partition("/")[0]
    if what is None and family in {"image", "audio", "video", "font"} and not kind.endswith("xml"):
        what = kind
    wide = (codec_of(charset) or "").startswith(("utf-16", "utf-32"))
    if what is None and not wide and codec_by_mark(raw) is None and _codec_by_zeros(raw) is None:
        head = raw[:8192]
        controls = sum(byte in _CONTROLS for byte in head)
        if b"\0" in head or controls > len(head) * 0.1:
            what = kind if kind and not _TEXT_KINDS.fullmatch(kind) else "binary data"
    return None if what is None else f"{what}, {format_size(len(raw))}"


def format_size(count: int) -> str:
    """Return a number of bytes in a readable unit."""
    if count < 1_000:
        return f"{count} bytes"
    return f"{count / 1_000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


WINDOW = 19_000
"""How many characters of a text one answer holds."""


def window(text: str, offset: int, note: str = "") -> str:
    """Return as much of `text` from `offset` on as fits an answer, with a note on how to read on."""
    part = text[offset : offset + WINDOW]
    end = offset + len(part)
    notes = [note] if note else []
    if offset >= len(text) > 0:
        notes.append(f"there is nothing after character {len(text)}")
    elif end < len(text):
        notes.append(
            f"characters {offset} to {end} of {len(text)}; call again with offset {end} to read on"
        )
    elif offset:
        notes.append(f"characters {offset} to {end}, the end")
    return f"{part}\n… ({'; '.join(notes)})" if notes else part
