"""The client: one platform, one caller."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from kasal_client import io_sync
from kasal_client.addresses import DEFAULT_URL, api_base
from kasal_client.errors import ProfileError, UsageError
from kasal_client.profile import Profile, load_profile, profile_path, save_profile

from .accounts import ApiKeys, Auth, Workspace
from .credentials import (
    Credentials,
    FixedToken,
    KeptSession,
    Session,
)
from .crews import Crews
from .executions import Executions
from .files import Files
from .knowing import Analytics, Memory, Questions
from .parts import Agents, Tasks
from .providers import Models
from .tools import Tools
from .transport import Transport


class Kasal:
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
        transport: io_sync.Transport | None = None,
    ) -> None:
        url, credentials = _identity(url, api_key, email, password, workspace, profile)
        self.url = url
        self._transport = Transport(
            api_base(url),
            credentials,
            timeout=timeout,
            max_retries=max_retries,
            transport=transport,
        )
        self.auth = Auth(self._transport)
        self.api_keys = ApiKeys(self._transport)
        self.workspace = Workspace(self._transport)
        self.executions = Executions(self._transport)
        self.crews = Crews(self._transport, self.executions)
        self.agents = Agents(self._transport)
        self.tasks = Tasks(self._transport)
        self.questions = Questions(self._transport)
        self.files = Files(self._transport)
        self.tools = Tools(self._transport)
        self.models = Models(self._transport)
        self.memory = Memory(self._transport)
        self.analytics = Analytics(self._transport)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    @classmethod
    def login(
        cls,
        url: str | None = None,
        *,
        email: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        workspace: str | None = None,
        profile: str | Path | None = None,
        transport: io_sync.Transport | None = None,
    ) -> Self:
        """Log in, keep that in the profile, and return a client that speaks by it.

        The password is not kept. Raises `UnauthorizedError`.
        """
        url = url or os.environ.get("KASAL_URL") or DEFAULT_URL
        if api_key is None and not (email and password):
            raise UsageError("Logging in takes email and password, or an api_key.")
        with cls(
            url, api_key, email=email, password=password, workspace=workspace, transport=transport
        ) as client:
            me = client.auth.me()
            kept = Profile(url=url, email=me.email or "", api_key=api_key or "")
            credentials = client._transport.credentials
            if isinstance(credentials, Session):
                tokens = credentials.tokens(client._transport.post)
                kept = Profile(
                    url=url,
                    email=me.email or "",
                    access_token=tokens["access_token"],
                    refresh_token=tokens["refresh_token"],
                )
        io_sync.call(save_profile, kept, _path(profile))
        return cls(profile=_path(profile), transport=transport)

    def raw(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send `body` to a route, such as `/crews`, and return the decoded answer."""
        return self._transport.json(method, path, json=body, params=params)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _path(profile: str | Path | None) -> Path:
    return profile if isinstance(profile, Path) else profile_path(profile)


def _identity(
    url: str | None,
    api_key: str | None,
    email: str | None,
    password: str | None,
    workspace: str | None,
    profile: str | Path | None,
) -> tuple[str, Credentials]:
    """Return where the platform is, and who speaks. Raises `UsageError`."""
    if api_key and (email or password):
        raise UsageError("Give api_key, or email and password, not both.")
    if bool(email) != bool(password):
        raise UsageError("email and password go together.")
    named = url or os.environ.get("KASAL_URL") or DEFAULT_URL
    if email and password:
        return named, Session(email, password, workspace or "")
    if workspace:
        raise UsageError("workspace goes with email and password: a key belongs to one workspace.")
    if profile is None and (key := api_key or os.environ.get("KASAL_API_KEY", "")):
        return named, FixedToken(key)
    return _identity_of_profile(url or os.environ.get("KASAL_URL"), _path(profile))


def _identity_of_profile(url: str | None, path: Path) -> tuple[str, Credentials]:
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
        return kept.url, FixedToken(kept.api_key)
    return kept.url, KeptSession(path, kept)
