"""Tools without a network: a toolbox over files in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from devkit.stores.files import memory_files
from executor.tools.built_in_tool import ToolSettings
from executor.tools.call import Call
from executor.tools.toolbox import Toolbox


@dataclass
class Vault:
    held: Mapping[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def tool_credentials(
        self, workspace_id: str, tool_id: str, endpoint: str = ""
    ) -> Mapping[str, Any]:
        self.asked.append((workspace_id, tool_id))
        return self.held

    async def server_credentials(
        self, workspace_id: str, server_id: str, target: str = ""
    ) -> Mapping[str, Any]:
        self.asked.append((workspace_id, server_id))
        return self.held


@pytest.fixture
def call() -> Call:
    return Call("ws_1", "job_1", "task_1", 3)


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def files():
    return memory_files()


@pytest.fixture
async def shop(files, vault):
    """Return a maker of toolboxes that closes them at the end."""
    made = []

    def make(**settings):
        made.append(Toolbox(ToolSettings(files, **settings), vault))
        return made[-1]

    yield SimpleNamespace(toolbox=make)
    for toolbox in made:
        await toolbox.close()
