"""The use cases of crews."""

import asyncio
from collections.abc import Collection

from common.idempotency.once import Once, Receipt, at_most_once, receipt_of
from common.times import utc_now
from crews.domain.activity import Activity
from crews.domain.composition import changed_crew, new_crew
from crews.domain.crew import Crew
from crews.domain.crew_editor import CrewEditor, Matches, anything
from crews.domain.drafts import CrewChanges, CrewDraft
from crews.domain.memory import Memory
from crews.domain.ports import Activities, CrewStore, Memories, Versions


class CrewCatalog:
    """Makes, changes and removes crews."""

    def __init__(
        self,
        editor: CrewEditor,
        crews: CrewStore,
        activities: Activities,
        memories: Memories,
        versions: Versions,
    ) -> None:
        self._editor = editor
        self._crews = crews
        self._activities = activities
        self._memories = memories
        self._versions = versions

    async def find(self, workspace_id: str, crew_id: str) -> Crew:
        """Return the crew. Raises `NotFound`."""
        return await self._editor.find(workspace_id, crew_id)

    async def create(
        self,
        workspace_id: str,
        draft: CrewDraft,
        once: Once[Crew] | None = None,
        nobody: Collection[int] = (),
    ) -> Crew:
        """Store the crew that `draft` describes, as `new_crew` makes it.

        Raises `InvalidRequest`, and as `at_most_once`.
        """

        async def make() -> Crew:
            crew = new_crew(draft, workspace_id, utc_now(), nobody)
            await self._editor.check(crew)
            await self.keep(crew, receipt_of(once, crew))
            return crew

        return await at_most_once(once, self._crews, make)

    async def keep(self, crew: Crew, receipt: Receipt | None = None) -> None:
        """Store a new crew. Raises `Conflict` when one of its ids is taken.

        What belongs to it is stored first: whatever happens in between, a stored crew has it.
        """
        await asyncio.gather(
            self._activities.add(Activity(crew_id=crew.id, workspace_id=crew.workspace_id)),
            self._memories.add(Memory(crew.id, crew.workspace_id)),
        )
        await self._crews.add(crew, receipt)

    async def update(
        self, workspace_id: str, crew_id: str, changes: CrewChanges, matches: Matches = anything
    ) -> Crew:
        """Change a crew. Raises `NotFound`, `InvalidRequest`, and as `CrewEditor.edit`."""
        return await self._editor.edit(
            lambda: self.find(workspace_id, crew_id),
            lambda crew: changed_crew(crew, changes, utc_now()),
            matches,
        )

    async def delete(self, workspace_id: str, crew_id: str, matches: Matches = anything) -> None:
        """Remove the crew with its agents, tasks and versions, what runs did to them, and its memory."""
        gone = await self._editor.remove(workspace_id, crew_id, matches)
        await self._versions.remove(gone)
        await self._memories.remove(crew_id)
        await self._activities.remove(crew_id)
