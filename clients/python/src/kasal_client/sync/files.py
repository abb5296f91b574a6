"""Files: up, down, and what there is. They are read in pieces and never held in memory."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import httpx2

from kasal_client import io_sync
from kasal_client.addresses import segment
from kasal_client.errors import ConnectionFailedError
from kasal_client.models import FileAnswer
from kasal_client.retries import backoff
from kasal_client.uploads import PIECE, Upload, UploadSource, upload_of

from .pages import Pages
from .transport import Transport
from .watching import Stream


class Files:
    """The workspace's files: uploads, and what runs have made."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, kind: str | None = None, page_size: int = 100) -> Pages[FileAnswer]:
        """Return the files, newest first; `kind` is `upload` or `artifact`."""
        params = {"kind": kind}
        return Pages(self._transport, "/files", "files", FileAnswer, params, page_size)

    def upload(
        self, source: UploadSource, *, name: str | None = None, media_type: str | None = None
    ) -> FileAnswer:
        """Upload a path, bytes or an open file, piece by piece. Bytes need a `name`.

        What is returned can be given to a run as an input.
        """
        upload = upload_of(source, name, media_type)
        response = self._transport.send(
            "POST",
            "/files",
            content=lambda: _pieces(upload),
            headers={"Idempotency-Key": str(uuid.uuid4()), **upload.headers},
            repeat=upload.can_repeat,
            is_spent_once=not upload.can_repeat,
        )
        return FileAnswer.model_validate(response.json())

    def get(self, file_id: str) -> FileAnswer:
        """Return what is known about a file. Raises `NotFoundError`."""
        return self._transport.get(f"/files/{segment(file_id)}", FileAnswer)

    def stream(self, file_id: str, *, start: int = 0, end: int | None = None) -> Stream[bytes]:
        """Return a file's bytes from `start` up to, not including, `end`, in pieces.

        If the connection breaks, it goes on with the next byte.
        """
        return Stream(self._bytes(file_id, start, end))

    def read(self, file_id: str, *, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes of a file, or of a part of it."""
        with self.stream(file_id, start=start, end=end) as pieces:
            return b"".join([piece for piece in pieces])

    def download(self, file_id: str, to: str | os.PathLike[str] | IO[bytes]) -> int:
        """Write a file to a path, or to an open file, and return how many bytes that were.

        A path holds all of it or what it held before; a folder gets the file under its own name.
        """
        if not isinstance(to, str | os.PathLike):
            return self._write(file_id, to)
        target = Path(to)
        if io_sync.call(target.is_dir):
            target /= Path((self.get(file_id)).name).name
        beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with io_sync.call(_open_new, beside) as file:
                count = self._write(file_id, file)
            io_sync.call(beside.replace, target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        return count

    def delete(self, file_id: str) -> None:
        """Delete a file."""
        self._transport.json("DELETE", f"/files/{segment(file_id)}")

    def _write(self, file_id: str, file: IO[bytes]) -> int:
        count = 0
        with self.stream(file_id) as pieces:
            for piece in pieces:
                io_sync.call(file.write, piece)
                count += len(piece)
        return count

    def _bytes(self, file_id: str, start: int, end: int | None) -> Generator[bytes]:
        place, etag, failures = start, "", 0
        while end is None or place < end:
            try:
                with self._open(file_id, place, end, etag) as response:
                    etag = response.headers.get("ETag", "")
                    if place > 0 and response.status_code != 206:
                        raise ConnectionFailedError(
                            f"{file_id} cannot be read from byte {place} on."
                        )
                    for piece in response.iter_bytes(PIECE):
                        failures = 0
                        place += len(piece)
                        yield piece
                return
            except httpx2.TransportError as fault:
                failures += 1
                if failures > self._transport.policy.max_retries:
                    raise ConnectionFailedError(
                        f"{file_id} could be read up to byte {place} only: {fault}"
                    ) from fault
            io_sync.sleep(backoff(failures))

    def _open(
        self, file_id: str, place: int, end: int | None, etag: str
    ) -> AbstractContextManager[httpx2.Response]:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if place > 0 or end is not None:
            headers["Range"] = f"bytes={place}-{'' if end is None else end - 1}"
            if etag:
                headers["If-Range"] = etag
        return self._transport.stream("GET", f"/files/{segment(file_id)}/content", headers=headers)


def _open_new(path: Path) -> IO[bytes]:
    return path.open("xb")


def _pieces(upload: Upload) -> Generator[bytes]:
    file = io_sync.call(upload.open)
    try:
        while piece := io_sync.call(file.read, PIECE):
            yield piece
    finally:
        upload.close(file)
