"""The engine with its models and tools, made when the first job needs it."""

import asyncio
import gc
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.trace import Tracer

from common.contracts.model_access import ModelAccess
from common.security.outgoing import OutgoingGuard
from executor.config import Settings
from executor.domain.files.files import WorkspaceFiles
from executor.domain.log.journal import CrewRunner
from executor.domain.meters import Meters
from executor.models.provider import configured_libraries

if TYPE_CHECKING:
    from executor.engine.ports import DeltaSink, MemorySink, Purses
    from executor.engine.runner import Engine
    from executor.models.catalogue import Models
    from executor.tools.built_in_tool import ToolSettings
    from executor.tools.toolbox import Toolbox


class CrewsSource(Protocol):
    """The service that keeps what tools and models are called with."""

    async def tool_credentials(
        self, workspace_id: str, tool_id: str, endpoint: str
    ) -> Mapping[str, Any]: ...

    async def server_credentials(
        self, workspace_id: str, server_id: str, target: str
    ) -> Mapping[str, Any]: ...

    async def model_access(self, workspace_id: str) -> ModelAccess: ...


class LateEngine:
    """The engine, made when first needed: its imports would double the start-up time."""

    def __init__(
        self,
        settings: Settings,
        crews: "CrewsSource",
        memory: "MemorySink",
        files: WorkspaceFiles,
        tracer: Tracer,
        meters: Meters,
        deltas: "DeltaSink | None" = None,
        purses: "Purses | None" = None,
    ) -> None:
        self._settings = settings
        self._crews = crews
        self._memory = memory
        self._files = files
        self._tracer = tracer
        self._meters = meters
        self._deltas = deltas
        self._purses = purses
        self._parts: tuple[Engine, Models, Toolbox] | None = None
        self._making = threading.Lock()

    @property
    def is_slow(self) -> bool:
        """Whether the first run needs libraries that take seconds to import: a model's provider is configured."""
        return bool(configured_libraries(self._settings.model_access()))

    async def get(self) -> CrewRunner:
        """Return the engine. It is made on a thread: its imports would hold the event loop up."""
        if self._parts is None:
            return (await asyncio.to_thread(self._get_parts))[0]
        return self._parts[0]

    def warm_up(self) -> None:
        """Make the engine and import what its first run needs. Blocks."""
        _, models, _ = self._get_parts()
        models.warm_up()
        gc.freeze()

    def forget(self, workspace_id: str) -> None:
        """Note that a workspace has changed its keys or endpoints of models."""
        if self._parts is not None:
            self._parts[1].forget(workspace_id)

    async def close(self) -> None:
        """Close the connections of models and tools, if the engine was made."""
        if self._parts is not None:
            _, models, toolbox = self._parts
            await models.close()
            await toolbox.close()

    def _get_parts(self) -> "tuple[Engine, Models, Toolbox]":
        # The warm-up runs on a thread, and the first job may come at the same time.
        with self._making:
            if self._parts is None:
                self._parts = self._make()
                self._parts[2].warm_up()
                # Imports are never garbage, and searching them for garbage stops every thread.
                gc.freeze()
            return self._parts

    def _make(self) -> "tuple[Engine, Models, Toolbox]":
        from executor.models.catalogue import Models, ModelSettings
        from executor.models.patience import ModelPatience
        from executor.tools.toolbox import Toolbox

        given = self._settings
        models = Models(
            ModelSettings(
                given.model_access(),
                own=self._crews,
                guard=OutgoingGuard(given.allowed_hosts()),
                patience=ModelPatience(longest=given.model_patience),
                fallback="offline" if given.model_fallback == "offline" else None,
            ),
            self._meters,
        )
        toolbox = Toolbox(self._tool_settings(), self._crews)
        return self._engine(models, toolbox), models, toolbox

    def _engine(self, models: "Models", toolbox: "Toolbox") -> "Engine":
        from executor.engine.runner import Engine

        return Engine(
            models,
            toolbox,
            self._memory,
            tracer=self._tracer,
            meters=self._meters,
            most_items=self._settings.for_each_limit,
            deltas=self._deltas,
            purses=self._purses,
        )

    def _tool_settings(self) -> "ToolSettings":
        from executor.tools.built_in_tool import ToolSettings

        given = self._settings
        return ToolSettings(
            files=self._files,
            allowed_hosts=given.allowed_hosts(),
            mcp_stdio=given.mcp_stdio,
            tavily_api_key=given.tavily_api_key,
            brave_api_key=given.brave_api_key,
            code_runner=given.code_runner_command(),
            secrets=_secrets(given),
        )


def _secrets(given: Settings) -> list[str]:
    """Return what no tool may show a model: the keys of providers and of the platform."""
    keys = [access.key for access in given.model_access().values() if access.key]
    return [*keys, *given.service_secret.all]
