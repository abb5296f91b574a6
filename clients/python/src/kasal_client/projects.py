"""The files of a CrewAI project that the platform reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import UsageError

NAMES = ("agents.yaml", "tasks.yaml", "crew.yaml")
_NEEDED = ("agents.yaml", "tasks.yaml")
_LARGEST = 1_000_000
_PASSED_OVER = frozenset({"node_modules", "site-packages", "venv", "__pycache__"})
_DEPTH = 5


@dataclass(frozen=True)
class Project:
    """The files of a project by name, and what to call its crew where they do not say."""

    files: dict[str, str]
    name: str | None


def read_project(folder: str | Path) -> Project:
    """Return a project's files, from the first folder below `folder` that has them.

    Raises `UsageError` if there is none.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"{root} is no folder.")
    place = _place(root)
    if place is None:
        raise UsageError(f"{root} holds no agents.yaml with a tasks.yaml beside it.")
    texts = {}
    for name in NAMES:
        path = place / name
        if path.is_file():
            if path.stat().st_size > _LARGEST:
                raise UsageError(f"{path} has more than a megabyte.")
            texts[name] = path.read_text("utf-8")
    return Project(texts, None if "crew.yaml" in texts else root.resolve().name)


def _place(root: Path) -> Path | None:
    """Return the folder with the files that is nearest to `root`."""
    level = [root]
    for _ in range(_DEPTH):
        for folder in level:
            if all((folder / name).is_file() for name in _NEEDED):
                return folder
        level = [
            one
            for folder in level
            for one in sorted(folder.iterdir())
            if one.is_dir() and not one.name.startswith(".") and one.name not in _PASSED_OVER
        ]
    return None
