"""The console's files, read once: what the build made, with the compressed siblings of each."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.process.starting import CannotStart

INDEX = "index.html"
ASSETS = "assets/"
"""Files below it have a hash of what is in them in their names."""
_MOST_BYTES = 20_000_000
_MOST_FILES = 2_000
_ENCODINGS = {".br": b"br", ".gz": b"gzip"}
"""By suffix, the preferred first."""
_KINDS = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".ico": b"image/x-icon",
    ".jpg": b"image/jpeg",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".map": b"application/json",
    ".mjs": b"text/javascript; charset=utf-8",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
    ".wasm": b"application/wasm",
    ".webmanifest": b"application/manifest+json",
    ".webp": b"image/webp",
    ".woff2": b"font/woff2",
}


@dataclass(frozen=True, slots=True)
class Representation:
    """A file in one content coding (an empty one for none), with its ETag."""

    coding: bytes
    body: bytes
    etag: bytes


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """A file of the console, in the codings there are of it; the last is the file as it is."""

    kind: bytes
    immutable: bool
    representations: tuple[Representation, ...]


def read_console(folder: Path) -> dict[str, ConsoleFile]:
    """Return the files in `folder` by their paths below it.

    A symbolic link is followed within the folder only. Raises `CannotStart` if there is no index.html or too
    much of the rest: all of it stays in memory.
    """
    try:
        read = dict(_contents(folder.resolve()))
    except OSError as fault:
        raise CannotStart(f"The console in {folder} cannot be read: {fault}") from fault
    if INDEX not in read:
        raise CannotStart(f"There is no console in KASAL_CONSOLE_DIR: {folder / INDEX} is missing.")
    return {
        path: _file(path, read)
        for path in read
        if not (Path(path).suffix in _ENCODINGS and path.rpartition(".")[0] in read)
    }


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    left, count = _MOST_BYTES, 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or not path.resolve().is_relative_to(folder):
            continue
        left, count = left - path.stat().st_size, count + 1
        if left < 0 or count > _MOST_FILES:
            raise CannotStart(
                f"KASAL_CONSOLE_DIR has more than {_MOST_BYTES // 1_000_000} MB or {_MOST_FILES:,} files: {folder}"
                " does not look like a build of the console."
            )
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def _file(path: str, read: dict[str, bytes]) -> ConsoleFile:
    body = read[path]
    codings = [(_ENCODINGS[end], read[path + end]) for end in _ENCODINGS if path + end in read]
    return ConsoleFile(
        _KINDS.get(Path(path).suffix, b"application/octet-stream"),
        path.startswith(ASSETS),
        tuple(_representation(coding, data) for coding, data in [*codings, (b"", body)]),
    )


def _representation(coding: bytes, body: bytes) -> Representation:
    digest = hashlib.sha256(body).hexdigest()[:20].encode()
    return Representation(coding, body, b'"%s"' % digest)
