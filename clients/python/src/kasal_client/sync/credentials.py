"""Who speaks: an API key, a session begun with a password, or the profile that `kasal login` keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from kasal_client import io_sync
from kasal_client.errors import ProfileError, UnauthorizedError
from kasal_client.profile import Profile, ProfileLock, load_profile, save_profile


class Post(Protocol):
    """Sends a body to a path, and returns the answer."""

    def __call__(self, path: str, body: dict[str, Any], token: str = "", /) -> dict[str, Any]:
        """Send it with an access token, or with none."""


class Credentials(Protocol):
    """Gives requests their token."""

    def token(self, post: Post) -> str:
        """Return the token, empty for nobody."""

    def renew(self, refused: str, post: Post) -> bool:
        """Get another token in place of `refused`; say whether there is one."""


class FixedToken:
    """An API key or an access token that nobody renews."""

    def __init__(self, token: str) -> None:
        self._token = token.strip()
        if not (self._token.isascii() and self._token.isprintable()):
            raise ProfileError("The API key has characters that none has: copy it again.")

    def token(self, post: Post) -> str:  # noqa: ARG002 - as the protocol has it
        """Return the token."""
        return self._token

    def renew(self, refused: str, post: Post) -> bool:  # noqa: ARG002
        """Say that there is no other."""
        return False


class Session:
    """A session that begins with the first request, and again when its tokens are no longer accepted."""

    def __init__(self, email: str, password: str, workspace: str = "") -> None:
        self._email = email
        self._password = password
        self._workspace = workspace
        self._tokens: dict[str, Any] = {}
        self._lock = io_sync.Lock()

    def token(self, post: Post) -> str:
        """Return the access token; log in if there is none."""
        with self._lock:
            if not self._tokens:
                self._log_in(post)
            return str(self._tokens["access_token"])

    def renew(self, refused: str, post: Post) -> bool:
        """Use the refresh token, or else the password."""
        with self._lock:
            if self._tokens.get("access_token") == refused:
                try:
                    body = {"refresh_token": self._tokens["refresh_token"]}
                    self._tokens |= post("/auth/refresh", body, "")
                except UnauthorizedError:
                    self._log_in(post)
        return True

    def tokens(self, post: Post) -> dict[str, Any]:
        """Return the session's tokens, as the API answers them."""
        self.token(post)
        return dict(self._tokens)

    def _log_in(self, post: Post) -> None:
        body = {"email": self._email, "password": self._password}
        tokens = post("/auth/login", body, "")
        if self._workspace:
            chosen = {"workspace_id": self._workspace}
            tokens = post("/auth/switch", chosen, str(tokens["access_token"]))
        self._tokens = tokens


class KeptSession:
    """The session of a profile, which other processes may use at the same time."""

    def __init__(self, path: Path, profile: Profile) -> None:
        self._path = path
        self._profile = profile
        self._lock = io_sync.Lock()

    def token(self, post: Post) -> str:  # noqa: ARG002 - as the protocol has it
        """Return the access token that is kept."""
        return self._profile.access_token

    def renew(self, refused: str, post: Post) -> bool:
        """Take the token that another process has got meanwhile, or get one and keep it."""
        with self._lock:
            if self._profile.access_token != refused:
                return True
            lock = ProfileLock(self._path)
            while not io_sync.call(lock.acquire):
                io_sync.sleep(0.05)
            try:
                self._renew_alone(refused, post)
            finally:
                lock.release()
        return True

    def _renew_alone(self, refused: str, post: Post) -> None:
        kept = io_sync.call(load_profile, self._path)
        if kept is None or kept.url != self._profile.url or not kept.refresh_token:
            raise ProfileError("You have logged out meanwhile: log in again with `kasal login`.")
        if kept.access_token == refused:
            kept = self._refresh(kept, post)
        self._profile = kept

    def _refresh(self, kept: Profile, post: Post) -> Profile:
        try:
            tokens = post("/auth/refresh", {"refresh_token": kept.refresh_token}, "")
        except UnauthorizedError:
            raise ProfileError("Your login has ended: log in again with `kasal login`.") from None
        renewed = replace(
            kept, access_token=tokens["access_token"], refresh_token=tokens["refresh_token"]
        )
        io_sync.call(save_profile, renewed, self._path)
        return renewed
