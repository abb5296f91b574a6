"""Brings the files of earlier releases, which lay in folders, into the database."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from common.errors import KasalError
from executor.wiring import Keeping

_CHUNK = 256 * 1024
_WORKSPACE = re.compile(r"ws_[A-Za-z0-9_-]{1,60}")


class ImportRefused(Exception):  # noqa: N818 - it says what happened
    """The folder is unsuitable; the text is one plain line."""


async def import_files(
    keep: Keeping, folder: Path, workspace: str | None, say: Callable[[str], object]
) -> int:
    """Keep all files below `folder`, and return how many could not be kept; `say` says why.

    Without a `workspace`, each folder in it belongs to the workspace of its name. What was kept before stays as it
    is, so this can be repeated. Links are not followed.
    """
    kept = failed = 0
    for owner, root in _owners(folder, workspace):
        for path in _files_below(root):
            name = path.relative_to(root).as_posix()
            try:
                await keep(_id_of(owner, name, path), owner, name, _content(path))
                kept += 1
            except (KasalError, OSError) as fault:
                failed += 1
                say(f"{path} was left out: {fault}")
    say(f"{kept} files are kept now, {failed} were left out.")
    return failed


def _owners(folder: Path, workspace: str | None) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        raise ImportRefused(f"There is no folder {folder}.")
    if workspace is not None:
        yield workspace, folder
        return
    found = [
        one for one in sorted(folder.iterdir()) if one.is_dir() and _WORKSPACE.fullmatch(one.name)
    ]
    if not found:
        raise ImportRefused(
            f"{folder} has no folder named like a workspace (ws_…); say with --workspace whose files these are."
        )
    for one in found:
        yield one.name, one


def _files_below(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        below = (path, *(step for step in path.parents if root in step.parents))
        if path.is_file() and not any(step.is_symlink() for step in below):
            yield path


def _id_of(workspace_id: str, name: str, path: Path) -> str:
    status = path.stat()
    told = f"{workspace_id}:{name}:{status.st_size}:{status.st_mtime_ns}"
    return f"file_{hashlib.sha256(told.encode()).hexdigest()[:26]}"


async def _content(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
