"""Every use case of auth over doubles."""

from auth_testkit.clock import SetClock
from auth_testkit.doubles import FakeDoors, FakeMint, FakePasswords, FakePost
from auth_testkit.stores import FakeApiKeys, FakeFailures, FakeSessions, FakeUsers, FakeWorkspaces

from auth.domain.accounts.accounts import Accounts
from auth.domain.accounts.attempts import REMEMBERED, Attempts
from auth.domain.accounts.passwords import PasswordChanges
from auth.domain.accounts.users import User
from auth.domain.letters import COUNTED_FOR, Letters
from auth.domain.logins.logins import Lifetimes, Logins
from auth.domain.tokens.issuer import TokenIssuer
from auth.domain.tokens.workspace_keys import WorkspaceKeys
from auth.domain.workspaces.invitations import Invitations
from auth.domain.workspaces.memberships import Memberships
from common.identity import Identity, Role

SERVICE_SECRET = "a secret that the services share"


SANDBOX_TOKEN = "SANDBOX_TOKEN"


class World:
    """Every use case over fakes that share one clock."""

    def __init__(self) -> None:
        self.clock = clock = SetClock()
        self.users = FakeUsers()
        self.workspaces = FakeWorkspaces()
        self.sessions = FakeSessions()
        self.api_keys = FakeApiKeys()
        self.failures = FakeFailures(clock, REMEMBERED)
        self.post = FakePost()
        self.letters = Letters(self.post, FakeFailures(clock, COUNTED_FOR))
        self.passwords = FakePasswords()
        self.mint = FakeMint()
        self.doors = FakeDoors()
        self.lifetimes = Lifetimes(access=86_400, refresh=2_592_000)
        self.attempts = Attempts(self.failures)
        self._make_use_cases(clock)

    def _make_use_cases(self, clock: SetClock) -> None:
        users, workspaces, passwords = self.users, self.workspaces, self.passwords
        sessions, doors = self.sessions, self.doors
        self.accounts = Accounts(
            users, workspaces, passwords, self.letters, open_to_all=True, clock=clock
        )
        self.logins = Logins(
            *(users, workspaces, sessions, passwords, self.attempts),
            *(self.mint, doors, self.lifetimes, clock),
        )
        self.workspace_keys = WorkspaceKeys(self.api_keys, self.doors, clock)
        self.memberships = Memberships(
            workspaces, sessions, self.workspace_keys, doors, plan_changes=True, clock=clock
        )
        self.inviting = Invitations(
            self.workspaces, self.users, self.accounts, self.logins, self.letters, clock
        )
        self.password_changes = PasswordChanges(
            *(users, workspaces, sessions, passwords, self.attempts, self.logins),
            *(self.workspace_keys, self.letters, doors, clock),
        )
        self.exchange = TokenIssuer(
            self.api_keys,
            self.workspaces,
            self.mint,
            service_secret=SERVICE_SECRET,
            sandbox_token=SANDBOX_TOKEN,
            clock=clock,
        )

    async def owner(self, email: str = "user@example.com") -> Identity:
        """Return a new owner, logged in."""
        await self.accounts.register(email, "secure_password", None)
        tokens = await self.logins.login(email, "secure_password", None)
        return self.mint.read(tokens.access_token)

    async def add(self, owner: Identity, email: str, role: Role) -> User:
        """Have somebody, with an account or without, accept an invitation."""
        invited = await self.inviting.invite(owner, email, role)
        user, _ = await self.inviting.accept_as(invited.token, "secure_password", None, "local")
        return user

    async def member(self, owner: Identity, email: str, role: Role) -> Identity:
        """Return a new member of the owner's workspace, logged in."""
        await self.add(owner, email, role)
        tokens = await self.logins.login(email, "secure_password", owner.workspace_id)
        return self.mint.read(tokens.access_token)
