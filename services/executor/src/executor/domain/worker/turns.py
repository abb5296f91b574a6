"""How the places of a worker are shared between workspaces, and whose job is next.

Anyone may take a free place. Beyond the places there is a reserve for workspaces with few jobs here: a
workspace must leave at least as many places free as it has jobs. So a workspace that has filled all
places gets none of the reserve, and a newcomer can start even if they stay taken for hours.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Places:
    """`slots` places for all, and a `reserve` beyond them."""

    slots: int
    reserve: int = 0

    def admits(self, mine: int, taken: int) -> bool:
        """Say whether a workspace with `mine` of the `taken` places may take another."""
        return taken < self.slots or self.slots + self.reserve - taken > mine

    def allot(self, held: Mapping[str, int], taken: int, most: int) -> dict[str, int]:
        """Return how many more places each of the workspaces gets, `most` in all.

        `held` is how many each has, in turn order. The one with the fewest is next.
        """
        given = dict.fromkeys(held, 0)
        for _ in range(most):
            open_to = [
                workspace
                for workspace in given
                if self.admits(held[workspace] + given[workspace], taken)
            ]
            if not open_to:
                break
            next_one = min(open_to, key=lambda workspace: held[workspace] + given[workspace])
            given[next_one] += 1
            taken += 1
        return {workspace: many for workspace, many in given.items() if many}


@dataclass
class Turns(Generic[ItemT]):
    """Items that wait for a place, by workspace: first come, first served within each.

    The next workspace is the one with the fewest places; of several, the one served longest ago. At
    most `size` items wait, and each workspace must leave as much room as it takes.
    """

    size: int
    _lines: dict[str, deque[ItemT]] = field(default_factory=dict)
    _waiting: int = 0

    def waits(self, workspace: str) -> bool:
        return workspace in self._lines

    def __len__(self) -> int:
        return self._waiting

    def add(self, workspace: str, item: ItemT) -> bool:
        """Let `item` wait; return False if there is no room for it."""
        line = self._lines.get(workspace, ())
        if self.size - self._waiting <= len(line):
            return False
        self._lines.setdefault(workspace, deque()).append(item)
        self._waiting += 1
        return True

    def next(self, held: Callable[[str], int], admits: Callable[[str], bool]) -> ItemT | None:
        """Remove and return the next item of an admitted workspace; None if there is none."""
        admitted = [workspace for workspace in self._lines if admits(workspace)]
        if not admitted:
            return None
        workspace = min(admitted, key=held)
        line = self._lines.pop(workspace)
        item = line.popleft()
        if line:
            self._lines[workspace] = line  # now last: it has just been served
        self._waiting -= 1
        return item

    def clear(self) -> None:
        self._lines.clear()
        self._waiting = 0
