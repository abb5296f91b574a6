"""The file writer: keeps a text as an artifact of the job."""

from collections.abc import Mapping
from typing import Any

from common.contracts.tools import ToolDeclaration
from executor.domain.files.files import WorkspaceFiles
from executor.tools.artifacts import Artifacts
from executor.tools.built_in_tool import BuiltInTool
from executor.tools.call import Call

_CONTENT = 1_000_000


class FileWriter:
    """Writes files. A call that is made again after a crash finds its file there, and writes none."""

    def __init__(self, files: WorkspaceFiles) -> None:
        self._artifacts = Artifacts(files)

    async def run(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Keep `content` under `name`, and say under which id. Raises a `KasalError`."""
        content = str(arguments["content"]).encode("utf-8", "replace")
        file = await self._artifacts.keep(call, str(arguments["name"]), content)
        return f"Wrote {file.name} ({file.size:,} bytes); its id is {file.file_id}."


TOOL = BuiltInTool(
    ToolDeclaration(
        "file_writer",
        "Write a file that people can download",
        "data",
        {
            "type": "object",
            "properties": {
                "name": {
                    "type": "string",
                    "description": "What the file is called, with an ending that fits: report.md",
                    "minLength": 1,
                    "maxLength": 255,
                },
                "content": {
                    "type": "string",
                    "description": "The whole text of the file",
                    "maxLength": _CONTENT,
                },
            },
            "required": ["name", "content"],
            "additionalProperties": False,
        },
        idempotent=True,
    ),
    lambda settings, _client: FileWriter(settings.files).run,
)
