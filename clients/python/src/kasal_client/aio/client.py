"""The client: one platform, one caller."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from kasal_client import io_async
from kasal_client.addresses import DEFAULT_URL, api_base
from kasal_client.errors import ProfileError, UsageError
from kasal_client.profile import Profile, load_profile, profile_path, save_profile

from .accounts import AsyncApiKeys, AsyncAuth, AsyncWorkspace
from .credentials import (
    AsyncCredentials,
    AsyncFixedToken,
    AsyncKeptSession,
    AsyncSession,
)
from .crews import AsyncCrews
from .executions import AsyncExecutions
from .files import AsyncFiles
from .knowing import AsyncAnalytics, AsyncMemory, AsyncQuestions
from .parts import AsyncAgents, AsyncTasks
from .providers import AsyncModels
from .tools import AsyncTools
from .transport import AsyncTransport


class AsyncKasal:
    """A platform, as one caller sees it.

    Who speaks is said by `api_key`, or by `email` and `password`. Otherwise by `KASAL_API_KEY`, or else by the
    profile that `kasal login` keeps. `url` is where the platform is: otherwise `KASAL_URL`, or else the profile
    says, or else it is `http://localhost:8000`.

    Use it in a `with` block, or close it.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        email: str | None = None,
        password: str | None = None,
        workspace: str | None = None,
        profile: str | Path | None = None,
        timeout: float = 60.0,
        max_retries: int = 3,
        transport: io_async.Transport | None = None,
    ) -> None:
        url, credentials = _identity(url, api_key, email, password, workspace, profile)
        self.url = url
        self._transport = AsyncTransport(
            api_base(url),
            credentials,
            timeout=timeout,
            max_retries=max_retries,
            transport=transport,
        )
        self.auth = AsyncAuth(self._transport)
        self.api_keys = AsyncApiKeys(self._transport)
        self.workspace = AsyncWorkspace(self._transport)
        self.executions = AsyncExecutions(self._transport)
        self.crews = AsyncCrews(self._transport, self.executions)
        self.agents = AsyncAgents(self._transport)
        self.tasks = AsyncTasks(self._transport)
        self.questions = AsyncQuestions(self._transport)
        self.files = AsyncFiles(self._transport)
        self.tools = AsyncTools(self._transport)
        self.models = AsyncModels(self._transport)
        self.memory = AsyncMemory(self._transport)
        self.analytics = AsyncAnalytics(self._transport)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    @classmethod
    async def login(
        cls,
        url: str | None = None,
        *,
        email: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        workspace: str | None = None,
        profile: str | Path | None = None,
        transport: io_async.Transport | None = None,
    ) -> Self:
        """Log in, keep that in the profile, and return a client that speaks by it.

        The password is not kept. Raises `UnauthorizedError`.
        """
        url = url or os.environ.get("KASAL_URL") or DEFAULT_URL
        if api_key is None and not (email and password):
            raise UsageError("Logging in takes email and password, or an api_key.")
        async with cls(
            url, api_key, email=email, password=password, workspace=workspace, transport=transport
        ) as client:
            me = await client.auth.me()
            kept = Profile(url=url, email=me.email or "", api_key=api_key or "")
            credentials = client._transport.credentials
            if isinstance(credentials, AsyncSession):
                tokens = await credentials.tokens(client._transport.post)
                kept = Profile(
                    url=url,
                    email=me.email or "",
                    access_token=tokens["access_token"],
                    refresh_token=tokens["refresh_token"],
                )
        await io_async.call(save_profile, kept, _path(profile))
        return cls(profile=_path(profile), transport=transport)

    async def raw(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send `body` to a route, such as `/crews`, and return the decoded answer."""
        return await self._transport.json(method, path, json=body, params=params)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()


def _path(profile: str | Path | None) -> Path:
    return profile if isinstance(profile, Path) else profile_path(profile)


def _identity(
    url: str | None,
    api_key: str | None,
    email: str | None,
    password: str | None,
    workspace: str | None,
    profile: str | Path | None,
) -> tuple[str, AsyncCredentials]:
    """Return where the platform is, and who speaks. Raises `UsageError`."""
    if api_key and (email or password):
        raise UsageError("Give api_key, or email and password, not both.")
    if bool(email) != bool(password):
        raise UsageError("email and password go together.")
    named = url or os.environ.get("KASAL_URL") or DEFAULT_URL
    if email and password:
        return named, AsyncSession(email, password, workspace or "")
    if workspace:
        raise UsageError("workspace goes with email and password: a key belongs to one workspace.")
    if profile is None and (key := api_key or os.environ.get("KASAL_API_KEY", "")):
        return named, AsyncFixedToken(key)
    return _identity_of_profile(url or os.environ.get("KASAL_URL"), _path(profile))


def _identity_of_profile(url: str | None, path: Path) -> tuple[str, AsyncCredentials]:
    kept = load_profile(path)
    if kept is None:
        raise ProfileError(
            "Nobody is logged in: give api_key, or email and password; set KASAL_API_KEY; or run `kasal login`."
        )
    if url and api_base(url) != api_base(kept.url):
        raise ProfileError(
            f"The login that is kept is for {kept.url}, not for {url}: run `kasal login --url {url}`."
        )
    if kept.api_key:
        return kept.url, AsyncFixedToken(kept.api_key)
    return kept.url, AsyncKeptSession(path, kept)
