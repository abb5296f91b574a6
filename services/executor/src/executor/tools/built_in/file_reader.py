"""The file reader: the text of a file of the workspace, of an artifact of the job, or of one the job was given."""

from collections.abc import Mapping
from typing import Any

from common.contracts.tools import ToolDeclaration
from common.errors import NotFound
from executor.domain.files.files import WorkspaceFiles
from executor.tools import texts
from executor.tools.built_in_tool import OFFSET, BuiltInTool, parameters
from executor.tools.call import Call
from executor.tools.documents import DocumentReader
from executor.tools.tool import ToolFault


class FileReader:
    """Reads files by name or id."""

    def __init__(self, files: WorkspaceFiles) -> None:
        self._files = files
        self._reader = DocumentReader()

    async def run(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Return the text of a file, with a note on what was left out. Raises `ToolFault`."""
        asked, offset = str(arguments["path"]), int(arguments.get("offset", 0))
        try:
            file = await self._files.of_name(
                call.workspace_id, call.files.get(asked, asked), call.job_id, call.copied
            )
        except NotFound:
            raise ToolFault(_missing(asked, call)) from None
        if not file.size:
            return f"{file.name} is empty."
        read = await self._reader.read(file, self._files.read(file))
        return texts.window(read.text, offset, read.note)


def _missing(asked: str, call: Call) -> str:
    given = ", ".join(call.files)[:500]
    hint = f" The job was given: {given}." if given else ""
    return f"there is no file {asked} in the workspace.{hint}"


TOOL = BuiltInTool(
    ToolDeclaration(
        "file_reader",
        "Read files",
        "data",
        parameters(
            "path",
            path={
                "type": "string",
                "description": "Name of the file, or its id",
                "maxLength": 1000,
            },
            offset=OFFSET,
        ),
        idempotent=True,
        reads=True,
    ),
    lambda settings, _client: FileReader(settings.files).run,
)
