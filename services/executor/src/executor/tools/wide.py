"""Recognises UTF-16 without a byte order mark by the characters that it would hold."""

import unicodedata

_READ = 4096
_LEAST = 8
_SURE = 0.98
_ODD = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_BLOCKS = frozenset(
    [*range(0x08), 0x0E, 0x1E, 0x20, 0x21, 0x22, 0x25, 0x30, *range(0x4E, 0xA0), 0xFF]
)
_HANGUL = frozenset(range(0xAC, 0xD8))
"""The upper bytes of common characters; half of all byte values are not among them."""


def utf16(raw: bytes) -> str | None:
    """Return `utf-16-le` or `utf-16-be` for bytes that can only be that, else None.

    Bytes with zeros are no text in another encoding. For bytes without zeros, make sure first that no
    other encoding fits.
    """
    head = raw[:_READ]
    if len(raw) % 2 or len(head) < _LEAST:
        return None
    known = _BLOCKS | _HANGUL if b"\0" in head else _BLOCKS
    orders = (("utf-16-le", head[1::2]), ("utf-16-be", head[::2]))
    shares = {codec: sum(byte in known for byte in upper) for codec, upper in orders}
    codec = max(shares, key=lambda name: shares[name])
    if min(shares.values()) == shares[codec] or shares[codec] < _SURE * len(head) / 2:
        return None
    return codec if _is_written(head.decode(codec, "ignore")) else None


def _is_written(text: str) -> bool:
    odd = sum(
        unicodedata.category(letter) in _ODD and letter not in "\t\r\n\ufeff" for letter in text
    )
    return odd <= (1 - _SURE) * len(text)
