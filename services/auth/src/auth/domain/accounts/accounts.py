"""Making accounts: a user and the workspace that comes with them."""

from datetime import datetime

from auth.domain.accounts.attempts import NOWHERE, place_of
from auth.domain.accounts.users import User, check_password, checked_email
from auth.domain.letters import Letters
from auth.domain.ports import Clock, Passwords, Users, Workspaces
from auth.domain.tokens import sandbox
from auth.domain.workspaces.workspaces import Member, Tier, Workspace
from common.errors import Conflict, Forbidden, NotFound
from common.idempotency.once import Once, at_most_once, receipt_of
from common.identity import Identity, Role
from common.ids import new_id
from common.times import utc_now

Registered = tuple[User, Workspace]

_RACES = 10


class Accounts:
    """Registers users and looks up who a caller is."""

    def __init__(
        self,
        users: Users,
        workspaces: Workspaces,
        passwords: Passwords,
        letters: Letters,
        *,
        open_to_all: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._users = users
        self._workspaces = workspaces
        self._passwords = passwords
        self._letters = letters
        self._open_to_all = open_to_all
        self._clock = clock

    async def register(
        self,
        email: str,
        password: str,
        name: str | None,
        once: Once[Registered] | None = None,
        *,
        address: str = NOWHERE,
    ) -> Registered:
        """Make a user and their workspace, tier free.

        For a taken address the result and the work are the same but nothing is stored, so nobody can
        find out who has an account. The account's holder gets a letter, where letters are sent.

        Raises `Forbidden` when registration is switched off, and as `at_most_once`.
        """
        if not self._open_to_all:
            raise Forbidden(
                "Registration is switched off here; ask an administrator to invite you."
            )

        async def make() -> Registered:
            user = await self._new_user(email, password, name, new_id("ws"), address)
            workspace = home_of(user, self._clock())
            receipt = receipt_of(once, (user, workspace))
            try:
                await self._users.add(user, receipt)
            except Conflict:
                await self._users.note_registration(user.email, self._clock(), receipt)
                await self._letters.warn_of_registration(user.email)
            else:
                # If the process dies here, the first login makes it.
                await self._workspaces.add(workspace)
                self._letters.welcome(user.email)
            return user, workspace

        return await at_most_once(once, self._users, make)

    async def create(
        self, email: str, password: str, name: str | None, address: str = NOWHERE
    ) -> User:
        """Store a new user without a workspace. Raises `InvalidRequest`, `Conflict`."""
        home = new_id("ws") if self._open_to_all else None
        user = await self._new_user(email, password, name, home, address)
        await self._users.add(user)
        return user

    async def ensure(
        self, *, email: str, password: str, name: str, workspace_id: str, tier: Tier, role: Role
    ) -> User:
        """Make the user, the workspace and the membership unless they are there.

        For demos and first starts. Whatever exists already is left alone.
        """
        user = await self._users.by_email(email) or await self.create(email, password, name)
        now = self._clock()
        await self._workspaces.add(home_of(user, now, workspace_id, tier, role))
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

    async def _new_user(
        self, email: str, password: str, name: str | None, home: str | None, address: str
    ) -> User:
        checked = checked_email(email)
        check_password(password)
        user_id = new_id("usr")
        return User(
            id=user_id,
            email=checked,
            name=name or checked.partition("@")[0],
            password_hash=await self._passwords.hash(password),
            created_at=self._clock(),
            home=home,
            known_from=(place_of(user_id, address),),
        )


def home_of(
    user: User,
    now: datetime,
    workspace_id: str | None = None,
    tier: Tier = "free",
    role: Role = Role.OWNER,
) -> Workspace:
    """Return a new workspace of the user's own, by default under the id kept for it."""
    first = Member(user.id, user.email, user.name, role, now)
    own = workspace_id or user.home or new_id("ws")
    return Workspace(own, f"{user.name}'s workspace", tier, None, (first,), now)
