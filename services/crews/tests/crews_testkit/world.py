"""Crews' use cases over stores in memory."""

from dataclasses import dataclass, field

from crews_testkit.stores import ActivitiesInMemory, CrewsInMemory, MemoriesInMemory, ToolsInMemory

from crews.domain.crew_catalog import CrewCatalog
from crews.domain.model_names import ModelNames
from crews.models.price_list import PriceList


@dataclass
class World:
    """The use cases over stores in memory."""

    crews: CrewsInMemory = field(default_factory=CrewsInMemory)
    activities: ActivitiesInMemory = field(default_factory=ActivitiesInMemory)
    memories: MemoriesInMemory = field(default_factory=MemoriesInMemory)
    tools: ToolsInMemory = field(default_factory=ToolsInMemory)

    @property
    def catalog(self) -> CrewCatalog:
        models = ModelNames(PriceList())
        return CrewCatalog(self.crews, self.tools, self.activities, self.memories, models)  # type: ignore[arg-type]
