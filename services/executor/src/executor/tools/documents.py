"""The text of a file, whatever it is: read within bounds of size, memory and time."""

import asyncio
from collections.abc import AsyncIterator

from executor.domain.files.file import StoredFile
from executor.tools import texts
from executor.tools.pdf import pdf_text
from executor.tools.texts import DecodedText
from executor.tools.tool import ToolFault

_LARGEST = 20_000_000
_AT_ONCE = 4
_READABLE = "text, CSV, JSON, HTML, PDF, DOCX and XLSX can be read"


class DocumentReader:
    """Reads documents, a few at a time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def read(self, file: StoredFile, pieces: AsyncIterator[bytes]) -> DecodedText:
        """Return the text of `file`. Raises `ToolFault`."""
        if file.size > _LARGEST:
            raise ToolFault(f"{file.name} is larger than {_LARGEST // 1_000_000} MB.")
        async with self._places:
            raw = b"".join([piece async for piece in pieces])
            return await asyncio.to_thread(document_text, file.name, raw)


def document_text(name: str, raw: bytes) -> DecodedText:
    if raw.startswith(b"%PDF-"):
        return DecodedText(pdf_text(raw), "")
    what = texts.describe_binary(raw)
    if what is not None:
        raise ToolFault(f"{name} is {what}; {_READABLE}.")
    return texts.decode_file(raw)
