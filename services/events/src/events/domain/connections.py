"""The open sockets and streams of this process: how many there may be, and how they end."""

from collections import Counter
from collections.abc import Callable

from common.errors import RateLimited
from common.identity import Identity
from events.domain.ports import ClientConnection, RelayMeters

UNAUTHORIZED = 4401
FORBIDDEN_ORIGIN = 4403
AUTHENTICATED_TOO_LATE = 4408
TOO_SLOW = 4008
TOO_MANY = 4429
RESTART = 1012
BUG = 1011


class Allowance:
    """How many messages one client may send: `per_minute` at once, and more as time passes.

    Otherwise the pongs of a client that sends faster than it is answered would wait behind its own
    messages, until it is taken for dead.
    """

    def __init__(self, per_minute: int, now: float) -> None:
        self._most = float(per_minute)
        self._left = self._most
        self._counted = now

    def spend(self, now: float) -> None:
        """Count one message. Raises `RateLimited` when there were too many."""
        earned = (now - self._counted) * self._most / 60
        self._left, self._counted = min(self._left + earned, self._most), now
        if self._left < 1:
            raise RateLimited("This client sends too many messages.", retry_after=5)
        self._left -= 1


class Connections:
    """Counts connections per workspace and in all, and ends those whose token was revoked."""

    def __init__(self, most: int, most_per_workspace: int, meters: RelayMeters) -> None:
        self._most = most
        self._most_per_workspace = most_per_workspace
        self._meters = meters
        self._open: dict[ClientConnection, str | None] = {}
        self._kinds: dict[ClientConnection, str] = {}
        self._of_workspace: Counter[str] = Counter()
        self.stopping = False

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: ClientConnection, kind: str) -> None:
        """Count a new connection of no workspace yet. Raises `RateLimited` when there are too many."""
        if len(self._open) >= self._most:
            self._meters.count_limit_hit("process")
            raise RateLimited("This server accepts no more connections.", retry_after=5)
        self._open[connection] = None
        self._kinds[connection] = kind
        self._meters.count_opened(kind)

    def assign(self, connection: ClientConnection, workspace_id: str) -> None:
        """Count it for this workspace. Raises `RateLimited` when that has too many."""
        if self._of_workspace[workspace_id] >= self._most_per_workspace:
            self._meters.count_limit_hit("workspace")
            raise RateLimited("This workspace has too many open connections.", retry_after=5)
        self._open[connection] = workspace_id
        self._of_workspace[workspace_id] += 1

    def remove(self, connection: ClientConnection) -> None:
        """Stop counting it; one that was never admitted is ignored."""
        if connection not in self._open:
            return
        workspace_id = self._open.pop(connection)
        self._meters.count_closed(self._kinds.pop(connection))
        if workspace_id is not None:
            self._of_workspace[workspace_id] -= 1
            if not self._of_workspace[workspace_id]:
                del self._of_workspace[workspace_id]

    def end_revoked(
        self,
        covers: Callable[[Identity], bool],
        renewable: Callable[[Identity], bool] = lambda _: False,
    ) -> None:
        """Close (4401) every connection whose token `covers` names.

        A client whose API key is still valid, with other rights, is closed with 1012: it comes back.
        """
        for connection in tuple(self._open):
            identity = connection.identity
            if identity is None or not covers(identity):
                continue
            if renewable(identity):
                connection.end(RESTART, "the rights of this API key have changed; reconnect")
            else:
                connection.end(UNAUTHORIZED, "the token has been revoked")

    def end_all(self) -> None:
        """Close every connection with 1012 (come back), since this process stops."""
        self.stopping = True
        for connection in tuple(self._open):
            connection.end(RESTART, "the server is restarting; reconnect")
