"""The file reader: text, CSV, JSON and PDF files inside the workspace's own folder, nowhere else."""

import asyncio
import errno
import io
import os
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from executor.tools import texts
from executor.tools.call import Call
from executor.tools.tool import ToolFault

_SIZE = 10 * 1024 * 1024
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
"""Of one page: a dense map has some 100,000 operands."""
_WORKSPACE = re.compile(r"\A[A-Za-z0-9_-]{1,80}\Z")


class FileReader:
    """Reads files below `folder`/<workspace id>. Symbolic links are not followed at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def run(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Return the text of the file `path`. Raises `ToolFault`."""
        path, offset = str(arguments["path"]), int(arguments.get("offset", 0))
        return await asyncio.to_thread(self.read, call.workspace_id, path, offset)

    def read(self, workspace_id: str, path: str, offset: int = 0) -> str:
        """Return a workspace's file from a character on; blocks. Raises `ToolFault`.

        What is left out, guessed or broken is said at the end.
        """
        raw = self._bytes(workspace_id, path)
        if raw.startswith(b"%PDF-"):
            return texts.window(pdf_text(raw), offset)
        what = texts.binary(raw)
        if what is not None:
            raise ToolFault(f"{path} is {what}; text, CSV, JSON and PDF can be read.")
        decoded = texts.file(raw)
        return texts.window(decoded.text, offset, decoded.note) if raw else f"{path} is empty."

    def _bytes(self, workspace_id: str, path: str) -> bytes:
        steps = _steps(path)
        if not _WORKSPACE.match(workspace_id):
            raise ToolFault("this workspace has no folder.")
        try:
            descriptor = _opened(self._folder / workspace_id, steps)
        except FileNotFoundError:
            raise ToolFault(f"there is no file {path} in the workspace's folder.") from None
        except (OSError, ValueError) as fault:
            is_link = isinstance(fault, OSError) and fault.errno == errno.ELOOP
            why = ": it is a link, and links are not followed" if is_link else ""
            raise ToolFault(f"{path} cannot be opened{why}.") from None
        try:
            _check(os.fstat(descriptor), path)
            # Only now: a file object can't be made of a folder, and would leave it open.
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(_SIZE)
        except OSError:
            raise ToolFault(f"{path} cannot be read.") from None
        finally:
            os.close(descriptor)


def _check(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ToolFault(f"{path} is a folder; name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise ToolFault(f"{path} is not a file.")
    if status.st_size > _SIZE:
        raise ToolFault(f"{path} is larger than {_SIZE // 1024 // 1024} MiB.")


def _steps(path: str) -> tuple[str, ...]:
    asked = PurePosixPath(path.replace("\\", "/"))
    if asked.is_absolute() or ".." in asked.parts or "\0" in path or not asked.parts:
        raise ToolFault("the path must lead to a file inside the workspace's folder.")
    return asked.parts


def _opened(root: Path, steps: tuple[str, ...]) -> int:
    """Open a file step by step, so that no step can be a link that leads out."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for step in steps[:-1]:
            inner = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(steps[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def pdf_text(raw: bytes) -> str:
    """Return the text of a PDF: what can be read of a hundred pages in some seconds; blocks.

    Raises `ToolFault`. A few kilobytes can unpack to what takes hours, and a thread cannot be cut off:
    so pages have bounds here and, in all, a time.
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
    except Exception as fault:  # noqa: BLE001 - whatever a broken PDF does to the parser
        raise ToolFault(f"the PDF cannot be read ({type(fault).__name__}).") from None
    if not text.strip():
        raise ToolFault("the PDF has no text in it.")
    return text[:_TEXT]


class _TooLong(Exception):  # noqa: N818 - never leaves this module
    pass
