"""The letters that are sent by e-mail, in installations that send any."""

from datetime import timedelta

from auth.domain.accounts.users import account_of
from auth.domain.ports import Failures, Post
from auth.domain.workspaces.invitation import Invitation
from auth.domain.workspaces.workspaces import Workspace

MOST_A_DAY = 200
"""Invitations a day that one workspace sends by mail; more are handed over by the inviter."""
MOST_TO_ONE = 3
"""Letters of one kind that one address gets until it has had none for a day."""
COUNTED_FOR = timedelta(days=1)


class Letters:
    """Writes letters. They are sent in the background, so that no request fails because of one.

    How many letters a stranger can trigger is bounded, by workspace and by address.
    """

    def __init__(self, post: Post, counts: Failures) -> None:
        self._post = post
        self._counts = counts

    @property
    def sent(self) -> bool:
        """Whether this installation sends letters."""
        return self._post.sends

    async def may_invite(self, workspace_id: str, email: str) -> bool:
        """Count an invitation; return whether it may go out by mail."""
        if not self.sent:
            return False
        recipient = f"invitation {workspace_id} {account_of(email)}"
        return await self._within(
            {f"invitations {workspace_id}": MOST_A_DAY, recipient: MOST_TO_ONE}
        )

    def invite(self, invitation: Invitation, token: str, workspace: Workspace) -> None:
        """Send an invitation with its token."""
        inviter = workspace.member(invitation.invited_by)
        name = _plain(workspace.name)
        self._post.send(
            invitation.email,
            f"Invitation to {name}",
            f"{_plain(inviter.name)} ({inviter.email}) invites you to the workspace "
            f'"{name}" as {invitation.role.label}.\n\n'
            "Log in with this address, or choose a password for a new account, and send this "
            f"token to POST /auth/invitations/accept:\n\n{token}\n\n"
            f"It holds until {invitation.expires_at:%d %B %Y, %H:%M} UTC, for this address alone. "
            "If you did not expect it, do nothing.\n",
        )

    def welcome(self, email: str) -> None:
        """Tell the holder of an address that an account was made with it."""
        self._post.send(
            email,
            "Your account",
            "An account was made with this e-mail address.\n\n"
            "If that was not you, take it over by POST /auth/password/forgot with this address: "
            "that ends the logins of whoever made it.\n",
        )

    async def warn_of_registration(self, email: str) -> None:
        """Tell the holder of an account that somebody tried to register its address."""
        if self.sent and await self._within({f"known {account_of(email)}": MOST_TO_ONE}):
            self._post.send(
                email,
                "You have an account already",
                "Somebody, perhaps you, has tried to register this e-mail address. It has an "
                "account already; nothing was changed.\n\n"
                "If you have forgotten the password: POST /auth/password/forgot.\n",
            )

    async def may_reset(self, account: str) -> bool:
        """Count a request to reset a password; return whether a letter may go out."""
        return self.sent and await self._within({f"reset {account}": MOST_TO_ONE})

    def reset(self, email: str, token: str, minutes: int) -> None:
        """Send the token that sets a new password."""
        self._post.send(
            email,
            "Reset your password",
            "Somebody, perhaps you, wants to set a new password for the account of this address.\n\n"
            "To do so, send this token and the new password to POST /auth/password/reset within "
            f"{minutes} minutes:\n\n{token}\n\n"
            "If it was not you, do nothing; the password stays.\n",
        )

    def tell_of_change(self, email: str) -> None:
        """Tell the holder that the password was changed."""
        self._post.send(
            email,
            "Your password was changed",
            "The password of your account was changed, and other logins were ended.\n\n"
            "If that was not you: POST /auth/password/forgot.\n",
        )

    async def _within(self, bounds: dict[str, int]) -> bool:
        seen = await self._counts.counts(list(bounds))
        if any(count >= most for (count, _), most in zip(seen, bounds.values(), strict=True)):
            return False
        await self._counts.add(list(bounds))
        return True


def _plain(name: str) -> str:
    """Return a user's name for something, made safe to quote: it cannot pass for part of the letter.

    One line, printable characters only, and nothing that mail programs turn into links.
    """
    shown = "".join(char if char.isprintable() else " " for char in name)
    return " ".join(shown.replace("/", " ").replace(".", " ").split())[:60]
