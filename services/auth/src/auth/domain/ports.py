"""What auth's rules need from other rooms."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from auth.domain.accounts.users import User
from auth.domain.logins.sessions import Session
from auth.domain.tokens.api_keys import ApiKey
from auth.domain.workspaces.belongings import Belonging
from auth.domain.workspaces.workspaces import Workspace
from common.contracts.messages import SessionRevoked
from common.idempotency.once import Receipt, Receipts
from common.identity import Identity

Clock = Callable[[], datetime]


class Users(Receipts, Protocol):
    """Users, each with the receipt of the request that registered them."""

    async def add(self, user: User, receipt: Receipt | None = None) -> None:
        """Store a new user. Raises `Conflict` when the e-mail address, or the key, is taken."""

    async def find(self, user_id: str) -> User | None: ...

    async def by_email(self, email: str) -> User | None:
        """Return the user with this address, compared without regard to case."""

    async def note_registration(self, email: str, now: datetime, receipt: Receipt | None) -> None:
        """Note that somebody tried to register an account's address, with the request's receipt.

        Raises `KeyTaken` when the account has a receipt of the same key.
        """

    async def came_from(self, user_id: str, place: str) -> None:
        """Add an address's hash to `known_from`; the oldest gives way."""

    async def set_password(self, user_id: str, known: str, password_hash: str) -> bool:
        """Replace the hash `known`, and forget a reset; False when it is another one by now."""

    async def keep_reset(self, user_id: str, secret_hash: str, until: datetime) -> None:
        """Keep the hash of the one secret that may set a new password until then."""

    async def resettable(self, user_id: str, secret_hash: str, now: datetime) -> User | None:
        """Return the user whose password this secret may set."""

    async def reset_password(self, user_id: str, secret_hash: str, password_hash: str) -> bool:
        """Use a secret up and set the password; False when it was used meanwhile."""


class Workspaces(Receipts, Protocol):
    """Workspaces with their members, and the receipts of the requests that added them."""

    async def add(self, workspace: Workspace) -> bool:
        """Store a new workspace; False when one with its id is there already."""

    async def find(self, workspace_id: str) -> Workspace | None: ...

    async def of_user(self, user_id: str) -> Sequence[Belonging]:
        """Return which workspaces the user is a member of, at most `MOST_LISTED`."""

    async def replace(self, workspace: Workspace, receipt: Receipt | None = None) -> bool:
        """Store a changed workspace if its stored version is the one it was read with.

        Raises `KeyTaken` when it has a receipt of the same key.
        """


class Sessions(Protocol):
    async def add(self, session: Session) -> None: ...

    async def find(self, session_id: str) -> Session | None: ...

    async def replace(self, session: Session) -> bool:
        """Store a changed session if its stored version is the one it was read with."""

    async def revoke(self, session_id: str, now: datetime) -> None:
        """End a session, whatever else happens to it at the same moment; twice is once."""

    async def end_in(self, workspace_id: str, user_id: str, now: datetime) -> None:
        """End a user's sessions in a workspace; their access tokens are ended in another way."""

    async def end_others(
        self, user_id: str, keep: str | None, now: datetime, most: int
    ) -> Sequence[str] | None:
        """End a user's sessions but `keep`; return which were open, and revoked as by `revoke`.

        When these are more than `most`, return None: their access tokens are to be ended in another
        way.
        """


class ApiKeys(Receipts, Protocol):
    """API keys that have not been revoked; for revoking, see `Revocations`."""

    async def add(self, key: ApiKey, receipt: Receipt | None = None) -> None:
        """Store a new key. Raises `KeyTaken` for the receipt's."""

    async def by_hash(self, secret_hash: str) -> ApiKey | None: ...

    async def of_workspace(self, workspace_id: str) -> Sequence[ApiKey]:
        """Return a workspace's keys, newest first."""

    async def revoke(self, workspace_id: str, key_id: str, now: datetime) -> bool:
        """End a key; False when the workspace has none with this id."""


class Revocations(Protocol):
    """The authoritative list of revocations; the doors work on copies."""

    async def list_unexpired(self, now: datetime) -> Sequence[SessionRevoked]: ...


class RevocationAnnouncer(Protocol):
    """Notifies the doors of a revocation.

    Never fails: what does not get through is logged, and the doors get it from auth later.
    """

    async def announce(self, revocation: SessionRevoked) -> None: ...


class Passwords(Protocol):
    """Password hashing, off the event loop."""

    async def hash(self, password: str) -> str: ...

    async def matches(self, password: str, digest: str | None) -> bool:
        """Say whether the password is right; takes as long when there is no hash to compare."""


class Failures(Protocol):
    """Counts of things that must not happen too often. Each expires a while after the last increment."""

    async def counts(self, counted: Sequence[str]) -> Sequence[tuple[int, float]]:
        """Return for each how often it happened, and the seconds since the last time."""

    async def add(self, counted: Sequence[str]) -> None:
        """Count one more of each."""

    async def clear(self, counted: str) -> None: ...


class Post(Protocol):
    """Sends e-mail."""

    @property
    def sends(self) -> bool:
        """Whether there is a server to send by."""

    def send(self, to: str, subject: str, text: str) -> None:
        """Queue a letter. Never fails: what cannot be sent is logged."""


class TokenMint(Protocol):
    def mint(self, identity: Identity) -> str:
        """Return `identity` as a signed token."""
