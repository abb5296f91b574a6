"""The file reader: reads text, CSV, JSON and PDF files in the workspace's own folder, nowhere else."""

import asyncio
import errno
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from common.contracts.tools import ToolDeclaration
from executor.tools import texts
from executor.tools.built_in_tool import OFFSET, BuiltInTool, parameters
from executor.tools.call import Call
from executor.tools.pdf import pdf_text
from executor.tools.tool import ToolFault

_SIZE = 10 * 1024 * 1024
_WORKSPACE = re.compile(r"\A[A-Za-z0-9_-]{1,80}\Z")


class FileReader:
    """Reads files below `folder`/<workspace id>. It never follows symbolic links."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def run(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Return the text of the file `path`. Raises `ToolFault`."""
        path, offset = str(arguments["path"]), int(arguments.get("offset", 0))
        return await asyncio.to_thread(self.read, call.workspace_id, path, offset)

    def read(self, workspace_id: str, path: str, offset: int = 0) -> str:
        """Return a workspace's file from character `offset` on; blocks. Raises `ToolFault`.

        A note at the end says what was left out, guessed or broken.
        """
        raw = self._bytes(workspace_id, path)
        if raw.startswith(b"%PDF-"):
            return texts.window(pdf_text(raw), offset)
        what = texts.describe_binary(raw)
        if what is not None:
            raise ToolFault(f"{path} is {what}; text, CSV, JSON and PDF can be read.")
        decoded = texts.decode_file(raw)
        return texts.window(decoded.text, offset, decoded.note) if raw else f"{path} is empty."

    def _bytes(self, workspace_id: str, path: str) -> bytes:
        steps = _steps(path)
        if not _WORKSPACE.match(workspace_id):
            raise ToolFault("this workspace has no folder.")
        try:
            descriptor = _open(self._folder / workspace_id, steps)
        except FileNotFoundError:
            raise ToolFault(f"there is no file {path} in the workspace's folder.") from None
        except (OSError, ValueError) as fault:
            is_link = isinstance(fault, OSError) and fault.errno == errno.ELOOP
            why = ": it is a link, and links are not followed" if is_link else ""
            raise ToolFault(f"{path} cannot be opened{why}.") from None
        try:
            _check(os.fstat(descriptor), path)
            # Only after the check: making a file object of a folder fails, and leaves it open.
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


def _open(root: Path, steps: tuple[str, ...]) -> int:
    """Open a file step by step, so that no step can be a link out of the folder."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for step in steps[:-1]:
            inner = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(steps[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


TOOL = BuiltInTool(
    ToolDeclaration(
        "file_reader",
        "Read files",
        "data",
        parameters(
            "path",
            path={"type": "string", "description": "Path inside the workspace", "maxLength": 1000},
            offset=OFFSET,
        ),
        idempotent=True,
        reads=True,
    ),
    lambda settings, _client: FileReader(settings.files_folder).run,
)
