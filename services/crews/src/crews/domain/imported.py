"""What was made of imported files."""

from dataclasses import dataclass, field
from typing import Any

MOST_WARNINGS = 500
LONGEST_PATH = 300
LONGEST_REASON = 1_000
_MORE = {
    "path": "files",
    "reason": f"There is more of this kind: only the first {MOST_WARNINGS} warnings are listed",
}
Warning_ = dict[str, str]


@dataclass
class Imported:
    """What was made of a project: the fields of a `CrewDraft`, and what has no counterpart.

    `places` says where in the files what is in the draft comes from, by the start of its dotted path.
    """

    fields: dict[str, Any]
    warnings: list[Warning_] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    nobody: frozenset[int] = frozenset()
    iterations: dict[str, int] = field(default_factory=dict)
    """What each agent's `max_iter` is."""
    managed: bool = False
    limits: dict[str, float] = field(default_factory=dict)
    """How many seconds a task of each agent may take."""

    def warn(self, path: str, reason: str) -> None:
        """Add a warning, unless there are `MOST_WARNINGS`: the answer is stored with the crew, which has limits."""
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append({"path": path[:LONGEST_PATH], "reason": reason[:LONGEST_REASON]})
        elif len(self.warnings) == MOST_WARNINGS:
            self.warnings.append(dict(_MORE))
