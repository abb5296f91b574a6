"""Making, listing and revoking a workspace's API keys."""

from collections.abc import Sequence

from auth.domain.logins.revocations import session_revocation
from auth.domain.ports import ApiKeys, Clock, RevocationAnnouncer
from auth.domain.tokens.api_keys import MOST_KEYS, ApiKey, new_api_key
from auth.domain.tokens.sandbox import refuse_sandbox
from common.errors import Conflict, NotFound
from common.idempotency.once import Once, at_most_once, receipt_of
from common.identity import Identity, Role
from common.times import utc_now

Made = tuple[ApiKey, str]
"""A new key and its secret."""


class WorkspaceKeys:
    """The API keys of the caller's workspace."""

    def __init__(
        self, keys: ApiKeys, announcer: RevocationAnnouncer, clock: Clock = utc_now
    ) -> None:
        self._keys = keys
        self._announcer = announcer
        self._clock = clock

    async def all(self, caller: Identity) -> Sequence[ApiKey]:
        """Return the workspace's keys, newest first."""
        return await self._keys.of_workspace(caller.workspace_id)

    async def make(
        self, caller: Identity, name: str, role: Role, once: Once[Made] | None = None
    ) -> Made:
        """Make a key; return it and its secret, which is kept only in the receipt of `once`, sealed.

        Raises `Forbidden` above the caller's own role, `Conflict` when there are too many, and as
        `at_most_once`.
        """
        refuse_sandbox(caller)
        caller.require(role)

        async def make() -> Made:
            if len(await self.all(caller)) >= MOST_KEYS:
                raise Conflict(
                    f"A workspace has at most {MOST_KEYS} API keys; revoke one that nobody uses.",
                    details={"limit": MOST_KEYS},
                )
            key, secret = new_api_key(
                caller.workspace_id, caller.user_id, name, role, self._clock()
            )
            await self._keys.add(key, receipt_of(once, (key, secret)))
            return key, secret

        return await at_most_once(once, self._keys, make)

    async def revoke(self, caller: Identity, key_id: str) -> None:
        """End a key and the tokens it was exchanged for. Raises `NotFound`."""
        refuse_sandbox(caller)
        now = self._clock()
        if not await self._keys.revoke(caller.workspace_id, key_id, now):
            raise NotFound(f"There is no API key {key_id}.")
        await self._announcer.announce(session_revocation(key_id, now))

    async def revoke_all_of(self, workspace_id: str, user_id: str) -> None:
        """End every key that a user has made for a workspace."""
        now = self._clock()
        for key in await self._keys.of_workspace(workspace_id):
            if key.user_id == user_id and await self._keys.revoke(workspace_id, key.id, now):
                await self._announcer.announce(session_revocation(key.id, now))
