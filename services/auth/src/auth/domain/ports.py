"""What auth's rules need from outside."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from auth.domain.keys import ApiKey
from auth.domain.sessions import Session
from auth.domain.users import User
from auth.domain.workspaces import Workspace
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


class Workspaces(Receipts, Protocol):
    """Workspaces with their members, and the receipts of the requests that added them."""

    async def add(self, workspace: Workspace) -> bool:
        """Store a new workspace; False when one with its id is there already."""

    async def find(self, workspace_id: str) -> Workspace | None: ...

    async def of_user(self, user_id: str) -> Sequence[Workspace]:
        """Return the workspaces the user is a member of, oldest first."""

    async def replace(self, workspace: Workspace, receipt: Receipt | None = None) -> bool:
        """Store a changed workspace if its stored version is the one it was read with.

        Raises `KeyTaken` when it has a receipt of the same key.
        """

    async def discard(self, workspace_id: str) -> None: ...


class Sessions(Protocol):
    async def add(self, session: Session) -> None: ...

    async def find(self, session_id: str) -> Session | None: ...

    async def replace(self, session: Session) -> bool:
        """Store a changed session if its stored version is the one it was read with."""

    async def revoke(self, session_id: str, now: datetime) -> None:
        """End a session, whatever else happens to it at the same moment; twice is once."""


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
    """The truth about what is revoked; doors work on copies of it."""

    async def unexpired(self, now: datetime) -> Sequence[SessionRevoked]: ...


class Announcer(Protocol):
    """Tells the doors of a revocation.

    Never fails: what does not get through is logged, and the doors learn it from auth later.
    """

    async def announce(self, revocation: SessionRevoked) -> None: ...


class Passwords(Protocol):
    """Password hashing, off the event loop."""

    async def hash(self, password: str) -> str: ...

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Say whether the password is right; takes as long when there is no hash to compare."""


class Failures(Protocol):
    """Counts of failed logins by account."""

    async def count(self, account: str) -> tuple[int, float]:
        """Return how many there were in this window, and the seconds until it ends."""

    async def add(self, account: str, window: timedelta) -> None:
        """Count one; the first begins a window."""

    async def clear(self, account: str) -> None: ...


class TokenMint(Protocol):
    def mint(self, identity: Identity) -> str:
        """Return `identity` as a signed token."""
