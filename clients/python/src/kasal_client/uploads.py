"""What is uploaded: a path, bytes or a file object, read in pieces."""

from __future__ import annotations

import io
import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from .errors import UsageError

PIECE = 256 * 1024
"""Bytes that are read at a time."""
UploadSource = str | os.PathLike[str] | bytes | IO[bytes]
"""A path, the bytes themselves, or a file that is open for reading bytes."""


@dataclass
class Upload:
    """A file on its way up: its name and type, and where its bytes come from."""

    name: str
    media_type: str
    source: Path | IO[bytes]
    start: int | None
    """Where an open file begins; None if it can be read only once."""

    @property
    def can_repeat(self) -> bool:
        """Whether the bytes can be sent again."""
        if isinstance(self.source, Path):
            return not self._is_pipe()
        return self.start is not None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that describe it."""
        size = self._size()
        return {
            "Content-Type": self.media_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(self.name, safe='')}",
            **({} if size is None else {"Content-Length": str(size)}),
        }

    def open(self) -> IO[bytes]:
        """Return the file, at its beginning."""
        if isinstance(self.source, Path):
            return self.source.open("rb")
        if self.start is not None:
            self.source.seek(self.start)
        return self.source

    def close(self, file: IO[bytes]) -> None:
        """Close what `open` has opened."""
        if isinstance(self.source, Path):
            file.close()

    def _is_pipe(self) -> bool:
        """Say whether the path, such as /dev/stdin, leads to what can be read only once."""
        return isinstance(self.source, Path) and self.source.exists() and not self.source.is_file()

    def _size(self) -> int | None:
        if isinstance(self.source, Path):
            return None if self._is_pipe() else self.source.stat().st_size
        if self.start is None:
            return None
        end = self.source.seek(0, os.SEEK_END)
        self.source.seek(self.start)
        return end - self.start


def upload_of(source: UploadSource, name: str | None, media_type: str | None) -> Upload:
    """Return what is to be uploaded. Raises `UsageError` if it has no name."""
    content: Path | IO[bytes]
    if isinstance(source, bytes | bytearray | memoryview):
        content = io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        content = Path(source)
    else:
        content = source
    name = name or _name_of(content)
    if not name:
        raise UsageError("Say what the file is called: upload(…, name='report.pdf').")
    guessed = media_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    start = None if isinstance(content, Path) or not content.seekable() else content.tell()
    return Upload(name, guessed, content, start)


def _name_of(content: Path | IO[bytes]) -> str:
    if isinstance(content, Path):
        return content.name
    name: Any = getattr(content, "name", None)
    return Path(name).name if isinstance(name, str) else ""
