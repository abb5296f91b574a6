"""Making accounts: a user and the workspace that comes with them."""

from auth.domain import sandbox
from auth.domain.ports import Clock, Passwords, Users, Workspaces
from auth.domain.users import User, check_password, checked_email
from auth.domain.workspaces import Member, Tier, Workspace
from common.errors import Conflict, Forbidden, NotFound
from common.idempotency.once import Once, at_most_once, receipt_of
from common.identity import Identity, Role
from common.ids import new_id
from common.times import utc_now

Registered = tuple[User, Workspace]

_RACES = 10


class Accounts:
    """Registers users and tells who somebody is."""

    def __init__(
        self,
        users: Users,
        workspaces: Workspaces,
        passwords: Passwords,
        *,
        open_to_all: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._users = users
        self._workspaces = workspaces
        self._passwords = passwords
        self._open_to_all = open_to_all
        self._clock = clock

    async def register(
        self, email: str, password: str, name: str | None, once: Once[Registered] | None = None
    ) -> Registered:
        """Make a user and their workspace, tier free.

        Raises `Forbidden` when registration is switched off, `Conflict` for a taken address, and as
        `at_most_once`.
        """
        if not self._open_to_all:
            raise Forbidden("Registration is switched off here; ask an administrator to add you.")

        async def make() -> Registered:
            user = await self._made(email, password, name)
            workspace = self._home_of(user, new_id("ws"), "free", Role.OWNER)
            # The workspace comes first: a user without one could never log in, nor register again.
            await self._workspaces.add(workspace)
            try:
                await self._users.add(user, receipt_of(once, (user, workspace)))
            except Conflict:
                await self._workspaces.discard(workspace.id)
                raise
            return user, workspace

        return await at_most_once(once, self._users, make)

    async def create(self, email: str, password: str, name: str | None) -> User:
        """Store a new user without a workspace. Raises `InvalidRequest`, `Conflict`."""
        user = await self._made(email, password, name)
        await self._users.add(user)
        return user

    async def ensure(
        self, *, email: str, password: str, name: str, workspace_id: str, tier: Tier, role: Role
    ) -> User:
        """Make the user, the workspace and the membership unless they are there.

        For demos and first starts; what is there already is left as it is.
        """
        user = await self._users.by_email(email) or await self.create(email, password, name)
        await self._workspaces.add(self._home_of(user, workspace_id, tier, role))
        for _ in range(_RACES):
            workspace = await self._workspaces.find(workspace_id)
            if workspace is None:
                raise NotFound(f"There is no workspace {workspace_id} any more.")
            if workspace.has(user.id):
                return user
            member = Member(user.id, user.email, user.name, role, self._clock())
            if await self._workspaces.replace(workspace.with_member(member)):
                return user
        raise Conflict("The workspace is being changed from several places at once.")

    async def ensure_sandbox(self) -> None:
        """Make the workspace that the sandbox token leads to, unless it is there."""
        await self._workspaces.add(
            Workspace(sandbox.WORKSPACE, "Sandbox", "free", None, (), self._clock())
        )

    async def me(self, caller: Identity) -> tuple[User, Workspace]:
        """Return the caller and their workspace. Raises `NotFound` when either is gone."""
        workspace = await self._workspaces.find(caller.workspace_id)
        user = await self._users.find(caller.user_id)
        if caller.user_id == sandbox.USER:
            user = User(sandbox.USER, "sandbox@example.com", "Sandbox", "", self._clock())
        if user is None or workspace is None:
            raise NotFound("There is no such user or workspace any more.")
        return user, workspace

    async def _made(self, email: str, password: str, name: str | None) -> User:
        address = checked_email(email)
        check_password(password)
        return User(
            id=new_id("usr"),
            email=address,
            name=name or address.partition("@")[0],
            password_hash=await self._passwords.hash(password),
            created_at=self._clock(),
        )

    def _home_of(self, user: User, workspace_id: str, tier: Tier, role: Role) -> Workspace:
        now = self._clock()
        first = Member(user.id, user.email, user.name, role, now)
        return Workspace(workspace_id, f"{user.name}'s workspace", tier, None, (first,), now)
