"""The use cases of crews' versions."""

import asyncio
from collections.abc import Sequence

from common.errors import Conflict, InvalidRequest, NotFound
from common.times import utc_now
from crews.domain.crew import Crew
from crews.domain.crew_changes import change
from crews.domain.crew_editor import CrewEditor, Matches, anything
from crews.domain.faults import refuse
from crews.domain.json_patch import Operation, json_patch
from crews.domain.ports import CrewStore, Versions
from crews.domain.versions import VersionRow, content_of, row_of, with_content


class VersionCatalog:
    """Shows, compares, restores and publishes versions of crews."""

    def __init__(self, editor: CrewEditor, crews: CrewStore, versions: Versions) -> None:
        self._editor = editor
        self._crews = crews
        self._versions = versions

    async def rows(self, workspace_id: str, crew_id: str) -> tuple[Crew, Sequence[VersionRow]]:
        """Return the crew, and the rows of its versions, newest first. Raises `NotFound`."""
        crew = await self._editor.find(workspace_id, crew_id)
        kept = await self._versions.of(crew)
        times = {row.number: row.published_at for row in kept}
        newest = row_of(crew, times.get(crew.version))
        return crew, [newest, *(row for row in kept if row.number < crew.version)]

    async def find(self, workspace_id: str, crew_id: str, number: int) -> Crew:
        """Return the crew as it was in a version. Raises `NotFound`."""
        return await self.version_of(await self._editor.find(workspace_id, crew_id), number)

    async def version_of(self, crew: Crew, number: int) -> Crew:
        """Return one of the crew's versions, of which it is the newest. Raises `NotFound`."""
        if number == crew.version:
            return crew
        found = await self._versions.find(crew, number) if number < crew.version else None
        if found is None:
            rows = await self._versions.of(crew)
            kept = f"{rows[-1].number} to {crew.version}" if rows else f"only {crew.version}"
            raise NotFound(f"The crew {crew.id} has no version {number}; there is {kept}.")
        return found

    async def to_run(self, crew: Crew, number: int | None) -> Crew:
        """Return the version that a job runs: the asked one, else the published one, else the newest.

        Raises `NotFound`, and `InvalidRequest` if a tool that it names is not there any more.
        """
        asked = number or crew.published_version
        if asked is None or asked == crew.version:
            return crew
        old = await self.version_of(crew, asked)
        faults = await self._editor.tool_faults(old)
        if faults:
            raise InvalidRequest(
                f"Version {asked} of the crew {crew.id} cannot run: a tool that it names is gone.",
                field="version",
                reason=faults[0]["reason"],
                details={"missing": faults},
            )
        return old

    async def diff(self, workspace_id: str, crew_id: str, old: int, new: int) -> list[Operation]:
        """Return what is different in the version `new`, as a JSON Patch of `old`. Raises `NotFound`."""
        crew = await self._editor.find(workspace_id, crew_id)
        both = [content_of(await self.version_of(crew, number)) for number in (old, new)]
        return await asyncio.to_thread(json_patch, *both)

    async def restore(
        self, workspace_id: str, crew_id: str, number: int, matches: Matches = anything
    ) -> Crew:
        """Make what the crew was in a version its newest one. Raises as `CrewEditor.edit`."""
        old = await self.find(workspace_id, crew_id, number)
        return await self._editor.edit(
            lambda: self._editor.find(workspace_id, crew_id),
            lambda crew: change(crew, utc_now(), **with_content(crew, old)),
            matches,
        )

    async def publish(self, workspace_id: str, crew_id: str, number: int) -> Crew:
        """Have jobs that name no version run this one. Raises `NotFound`, and `Conflict` if it cannot run."""
        crew = await self._editor.find(workspace_id, crew_id)
        version = await self.version_of(crew, number)
        if version.lacks:
            raise Conflict(
                f"Version {number} of the crew {crew_id} cannot run yet.",
                details={"missing": [lack.model_dump() for lack in version.lacks]},
            )
        refuse(await self._editor.tool_faults(version))
        if number == crew.version:
            await self._versions.keep(crew)
        if not await self._versions.mark_published(version, utc_now()):
            raise NotFound(f"Version {number} of the crew {crew_id} is not kept any more.")
        if not await self._crews.publish(crew, version):
            raise NotFound(f"There is no crew {crew_id}.")
        return version

    async def unpublish(self, workspace_id: str, crew_id: str, number: int) -> None:
        """Have jobs that name no version run the newest again. Raises `NotFound`, and `Conflict` for another one."""
        crew = await self._editor.find(workspace_id, crew_id)
        if crew.published_version != number:
            there = crew.published_version or "none"
            raise Conflict(f"Version {number} is not the published one; that is {there}.")
        if not await self._crews.publish(crew, None):
            raise Conflict(f"Another version of the crew {crew_id} was published meanwhile.")
