"""The places of a worker and the jobs that hold them: claimed, or about to be."""

from collections import Counter

from executor.domain.worker.turns import Places


class Occupancy:
    """The places of one worker and their holders. Once closed, it admits nobody."""

    def __init__(self, rule: Places) -> None:
        self.rule = rule
        self._workspaces: dict[str, str] = {}
        self._held_by: Counter[str] = Counter()
        self._closed = False

    @property
    def free(self) -> int:
        """How many more jobs of any workspace there is room for."""
        return 0 if self._closed else max(0, self.rule.slots - len(self._workspaces))

    @property
    def room(self) -> int:
        """How many more jobs there is room for, including the reserve, which does not admit everyone."""
        return 0 if self._closed else self._size - len(self._workspaces)

    @property
    def taken(self) -> int:
        """How many places are not available: those held, or all once closed."""
        return self._size - self.room

    @property
    def _size(self) -> int:
        return self.rule.slots + self.rule.reserve

    def count_of(self, workspace_id: str) -> int:
        """Return how many jobs of the workspace hold a place."""
        return self._held_by[workspace_id]

    def admits(self, workspace_id: str) -> bool:
        """Say whether there is a place for another job of the workspace."""
        if self._closed:
            return False
        return self.rule.admits(self._held_by[workspace_id], len(self._workspaces))

    def shut_out(self) -> list[str]:
        """Return the workspaces that have jobs here and cannot get another place."""
        return [workspace for workspace in self._held_by if not self.admits(workspace)]

    def held_jobs(self) -> frozenset[str]:
        """Return the jobs that hold a place."""
        return frozenset(self._workspaces)

    def take(self, job_id: str, workspace_id: str) -> bool:
        """Take a place for a job; return False if it already has one or there is none for it."""
        if job_id in self._workspaces or not self.admits(workspace_id):
            return False
        self._workspaces[job_id] = workspace_id
        self._held_by[workspace_id] += 1
        return True

    def leave(self, job_id: str) -> None:
        """Give a job's place back."""
        workspace_id = self._workspaces.pop(job_id, "")
        self._held_by[workspace_id] -= 1
        if self._held_by[workspace_id] <= 0:
            del self._held_by[workspace_id]

    def close(self) -> None:
        """Admit nobody any more."""
        self._closed = True
