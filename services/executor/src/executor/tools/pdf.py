"""Extracts the text of a PDF within bounds of size and time."""

import io
import time
from collections.abc import Mapping
from typing import Any

from executor.tools.tool import ToolFault

_PAGES = 100
_TEXT = 200_000
_SECONDS = 10.0
_BOUNDS: Mapping[str, Any] = {
    "stream_parsing_work_maximum_count": 200_000,
    "zlib_maximum_output_length": 10_000_000,
    "lzw_maximum_output_length": 10_000_000,
    "run_length_maximum_output_length": 10_000_000,
    "stream_decoding_work_maximum_length": 40_000_000,
}
"""Bounds for one page: a dense map has some 100,000 operands."""


def pdf_text(raw: bytes) -> str:
    """Return the text of a PDF: as much of 100 pages as can be read in some seconds; blocks.

    Raises `ToolFault`. A few kilobytes can unpack to hours of work, and a thread cannot be stopped, so
    each page has bounds and all of them together a deadline.
    """
    from pypdf import PdfReader, apply_configuration

    deadline = time.monotonic() + _SECONDS

    def in_time(*_: Any) -> None:
        if time.monotonic() > deadline:
            raise _TooLong

    text = ""
    try:
        with apply_configuration(**_BOUNDS):
            for page in PdfReader(io.BytesIO(raw)).pages[:_PAGES]:
                in_time()
                text += page.extract_text(visitor_operand_before=in_time) + "\n"
                if len(text) > _TEXT:
                    break
    except _TooLong:
        text = f"{text}\n… (the rest takes too long to read)" if text.strip() else ""
        if not text:
            raise ToolFault("the PDF takes too long to read.") from None
    except Exception as fault:  # noqa: BLE001 - a broken PDF can raise anything in the parser
        raise ToolFault(f"the PDF cannot be read ({type(fault).__name__}).") from None
    if not text.strip():
        raise ToolFault("the PDF has no text in it.")
    return text[:_TEXT]


class _TooLong(Exception):  # noqa: N818 - never leaves this module
    pass
