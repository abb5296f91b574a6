"""Doubles of what auth's rules need besides stores: mail, password hashes, tokens, the doors."""

from common.contracts.messages import SessionRevoked
from common.identity import Identity


class FakePost:
    """The letters that were sent."""

    def __init__(self) -> None:
        self.sends = True
        self.letters: list[tuple[str, str, str]] = []

    def send(self, to: str, subject: str, text: str) -> None:
        if self.sends:
            self.letters.append((to, subject, text))


class FakePasswords:
    """Hashes that are no hashes. `compared` holds what was compared with."""

    def __init__(self) -> None:
        self.compared: list[str | None] = []

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def matches(self, password: str, digest: str | None) -> bool:
        self.compared.append(digest)
        return digest == f"hash of {password}"


class FakeMint:
    """Tokens that are numbers of the identities in `minted`."""

    def __init__(self) -> None:
        self.minted: list[Identity] = []

    def mint(self, identity: Identity) -> str:
        self.minted.append(identity)
        return str(len(self.minted) - 1)

    def read(self, token: str) -> Identity:
        return self.minted[int(token)]


class FakeDoors:
    """What the doors were told, and what they would therefore refuse."""

    def __init__(self) -> None:
        self.told: list[SessionRevoked] = []

    async def announce(self, revocation: SessionRevoked) -> None:
        self.told.append(revocation)

    def refuse(self, identity: Identity) -> bool:
        return any(
            told.session_id == identity.session_id
            or (
                (told.workspace_id, told.user_id) == (identity.workspace_id, identity.user_id)
                and identity.issued_at <= int(told.revoked_at.timestamp())
            )
            for told in self.told
        )
