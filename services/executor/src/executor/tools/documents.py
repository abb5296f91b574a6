"""The text of a file, whatever it is: read within bounds of size, memory and time."""

import asyncio
from collections.abc import AsyncIterator

from executor.domain.files.file import StoredFile
from executor.tools import parsing, texts
from executor.tools.texts import DecodedText
from executor.tools.tool import ToolFault

_LARGEST = 20_000_000
_AT_ONCE = 4
_READABLE = "text, CSV, JSON, HTML, PDF, DOCX and XLSX can be read"


class DocumentReader:
    """Reads files, a few at a time: texts on a thread, documents in a process of their own."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def read(self, file: StoredFile, pieces: AsyncIterator[bytes]) -> DecodedText:
        """Return the text of `file`. Raises `ToolFault`."""
        if file.size > _LARGEST:
            raise ToolFault(f"{file.name} is larger than {_LARGEST // 1_000_000} MB.")
        async with self._places:
            raw = b"".join([piece async for piece in pieces])
            kind = _kind_of(file, raw)
            if kind is None:
                return await asyncio.to_thread(plain_text, file.name, raw)
            text = await parsing.parse(kind, raw)
            return DecodedText(text if text.strip() else f"{file.name} has no text in it.", "")


def _kind_of(file: StoredFile, raw: bytes) -> str | None:
    if raw.startswith(b"%PDF-"):
        return "pdf"
    if raw.startswith(b"PK\x03\x04"):
        return "zip"
    is_page = file.media_type in {"text/html", "application/xhtml+xml"}
    return "html" if is_page and texts.describe_binary(raw) is None else None


def plain_text(name: str, raw: bytes) -> DecodedText:
    """Return the text of a file that is nothing but text; blocks. Raises `ToolFault`."""
    what = texts.describe_binary(raw)
    if what is not None:
        raise ToolFault(f"{name} is {what}; {_READABLE}.")
    return texts.decode_file(raw)
