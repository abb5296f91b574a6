"""The way from a command to the platform: who speaks, and to whom."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kasal_client import AsyncKasal, Kasal
    from kasal_client.profile import Profile

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True)
class Link:
    """What was said before the command's name."""

    url: str | None = None
    profile: str | None = None
    is_verbose: bool = False
    email: str | None = None
    password: str | None = field(default=None, repr=False)

    @contextmanager
    def session(self) -> Iterator[Kasal]:
        """Give a client, and close it afterwards."""
        from kasal_client import Kasal

        with Kasal(
            self.url, email=self.email, password=self.password, profile=self.profile
        ) as client:
            yield client

    def client(self) -> AsyncKasal:
        """Return a client for asyncio, which the caller closes."""
        from kasal_client import AsyncKasal

        return AsyncKasal(self.url, email=self.email, password=self.password, profile=self.profile)

    def profile_data(self) -> Profile | None:
        """Return the profile of this command, None if nobody has logged in."""
        from kasal_client.profile import load_profile, profile_path

        return load_profile(profile_path(self.profile))

    def address(self) -> str:
        """Return where the platform is, also if nobody has logged in."""
        from kasal_client.addresses import DEFAULT_URL

        known = self.url or os.environ.get("KASAL_URL")
        if known:
            return known
        kept = self.profile_data()
        return kept.url if kept else DEFAULT_URL


def link_of(context: typer.Context) -> Link:
    """Return what was said before the command's name."""
    found: Any = context.find_root().obj
    return found if isinstance(found, Link) else Link()
