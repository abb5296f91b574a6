"""The file reader that an agent gets for the files of its job, if it has not been given the tool itself."""

from collections.abc import Mapping
from typing import Any

from executor.engine.ports import Tool
from executor.tools.call import Call
from executor.tools.spec import FailedResult, ToolSpec

READER = "file_reader"


class GivenReader:
    """Reads the files that the job was given, and no others of the workspace."""

    safe = reads = True
    asks = False

    def __init__(self, reader: Tool) -> None:
        self._reader = reader

    @property
    def spec(self) -> ToolSpec:
        return self._reader.spec

    async def fit_arguments(self, arguments: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
        return await self._reader.fit_arguments(arguments)

    async def call(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Read a file; say which there are if it is none of them."""
        if arguments["path"] in call.files:
            return await self._reader.call(arguments, call)
        names = ", ".join(name for name in call.files if not name.startswith("file_"))
        return FailedResult(f"Error: this job was given only: {names[:1_000]}.")
