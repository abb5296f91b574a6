"""What shells complete names to. It takes a second at most, and never says that something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from kasal_client import Kasal

LIMIT = 1.0
"""Seconds that completing may take."""
_MOST = 100


def complete_crews(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of crews that begin with what is there."""
    return _from_platform(context, incomplete, _crew_names)


def complete_jobs(context: typer.Context, incomplete: str) -> list[str]:
    """Return the newest runs' ids that begin with what is there."""
    return _from_platform(context, incomplete, _job_ids)


def _crew_names(kasal: Kasal) -> Iterable[str]:
    return (one.name for one in kasal.crews.list(page_size=_MOST).page().items)


def _job_ids(kasal: Kasal) -> Iterable[str]:
    return ["last", *(one.job_id for one in kasal.executions.list(page_size=_MOST).page().items)]


def _from_platform(
    context: typer.Context, incomplete: str, names: Callable[[Kasal], Iterable[str]]
) -> list[str]:
    try:
        from kasal_client import Kasal

        from .link import link_of

        link = link_of(context)
        with Kasal(link.url, profile=link.profile, timeout=LIMIT, max_retries=0) as kasal:
            return [name for name in names(kasal) if name.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - a shell that completes shows nothing rather than a traceback
        return []
