"""Making accounts: a user and the workspace that comes with them."""

from auth.domain.ports import Passwords, Users, Workspaces
from auth.domain.users import User, check_password, checked_email
from auth.domain.workspaces import Member, Tier, Workspace
from common.errors import Forbidden
from common.identity import Identity, Role
from common.ids import new_id
from common.times import utc_now


class Accounts:
    """Registers users and tells who somebody is."""

    def __init__(
        self, users: Users, workspaces: Workspaces, passwords: Passwords, *, open_to_all: bool
    ) -> None:
        self._users = users
        self._workspaces = workspaces
        self._passwords = passwords
        self._open_to_all = open_to_all

    async def register(self, email: str, password: str, name: str | None) -> User:
        """Make a user and their workspace, tier free.

        Raises `Forbidden` when registration is switched off, `Conflict` for a taken address.
        """
        if not self._open_to_all:
            raise Forbidden("Registration is switched off here; ask an administrator to add you.")
        user = await self.create(email, password, name)
        await self.furnish(user, "free")
        return user

    async def create(
        self, email: str, password: str, name: str | None, home: str | None = None
    ) -> User:
        """Store a new user without a workspace. Raises `InvalidRequest`, `Conflict`."""
        address = checked_email(email)
        check_password(password)
        user = User(
            id=new_id("usr"),
            email=address,
            name=name or address.partition("@")[0],
            password_hash=await self._passwords.hash(password),
            home=home or new_id("ws"),
            created_at=utc_now(),
        )
        await self._users.add(user)
        return user

    async def furnish(self, user: User, tier: Tier, role: Role = Role.OWNER) -> None:
        """Make the user's own workspace if it is not there yet."""
        now = utc_now()
        owner = Member(user.id, user.email, user.name, role, now)
        name = f"{user.name}'s workspace"
        await self._workspaces.add(Workspace(user.home, name, tier, None, (owner,), now))

    async def ensure(
        self, *, email: str, password: str, name: str, workspace_id: str, tier: Tier, role: Role
    ) -> User:
        """Make the user and the workspace unless they are there: for demos and first starts."""
        user = await self._users.by_email(email)
        if user is None:
            user = await self.create(email, password, name, home=workspace_id)
        await self.furnish(user, tier, role)
        return user

    async def me(self, identity: Identity) -> tuple[User | None, Workspace | None]:
        """Return the caller and their workspace; None for what has no entry of its own."""
        user = await self._users.find(identity.user_id)
        return user, await self._workspaces.find(identity.workspace_id)
