"""Crews' use cases over stores in memory."""

from dataclasses import dataclass, field

from crews_testkit.stores import (
    ActivitiesInMemory,
    CrewsInMemory,
    MemoriesInMemory,
    NewsInMemory,
    OwnModelsInMemory,
    ServersInMemory,
    ToolsInMemory,
    VersionsInMemory,
)

from crews.domain.agent_catalog import AgentCatalog
from crews.domain.crew_catalog import CrewCatalog
from crews.domain.crew_editor import CrewEditor
from crews.domain.importing import Importing
from crews.domain.model_names import ModelNames
from crews.domain.offered_tools import OfferedTools
from crews.domain.own_model_catalog import OwnModelCatalog
from crews.domain.snapshots import Snapshots
from crews.domain.task_catalog import TaskCatalog
from crews.domain.version_catalog import VersionCatalog
from crews.domain.workspace_tools import WorkspaceTools
from crews.models.price_list import PriceList


@dataclass
class World:
    """The use cases over stores in memory."""

    versions: VersionsInMemory = field(default_factory=VersionsInMemory)
    crews: CrewsInMemory = field(init=False)
    activities: ActivitiesInMemory = field(default_factory=ActivitiesInMemory)
    memories: MemoriesInMemory = field(default_factory=MemoriesInMemory)
    tools: ToolsInMemory = field(default_factory=ToolsInMemory)
    servers: ServersInMemory = field(default_factory=ServersInMemory)
    news: NewsInMemory = field(default_factory=NewsInMemory)
    offered: OfferedTools = field(default_factory=OfferedTools)
    own: OwnModelsInMemory = field(default_factory=OwnModelsInMemory)

    def __post_init__(self) -> None:
        self.crews = CrewsInMemory(self.versions)

    @property
    def named(self) -> WorkspaceTools:
        return WorkspaceTools(self.tools, self.servers, self.offered)  # type: ignore[arg-type]

    @property
    def editor(self) -> CrewEditor:
        return CrewEditor(self.crews, self.named, ModelNames(PriceList()), self.own)  # type: ignore[arg-type]

    @property
    def catalog(self) -> CrewCatalog:
        return CrewCatalog(
            self.editor,
            self.crews,
            self.activities,
            self.memories,
            self.versions,  # type: ignore[arg-type]
        )

    @property
    def importing(self) -> Importing:
        return Importing(self.catalog, self.editor, self.named)  # type: ignore[arg-type]

    @property
    def history(self) -> VersionCatalog:
        return VersionCatalog(self.editor, self.crews, self.versions)

    @property
    def agents(self) -> AgentCatalog:
        return AgentCatalog(self.editor, self.crews)  # type: ignore[arg-type]

    @property
    def tasks(self) -> TaskCatalog:
        return TaskCatalog(self.editor, self.crews)  # type: ignore[arg-type]

    @property
    def snapshots(self) -> Snapshots:
        return Snapshots(self.editor, self.history, self.named, self.memories, self.own)  # type: ignore[arg-type]

    @property
    def own_models(self) -> OwnModelCatalog:
        async def anywhere(_: str) -> None:
            return None

        return OwnModelCatalog(self.own, anywhere, self.news)
