"""Counts the requests that one reply takes, and reports them and the reply's text to the run."""

from dataclasses import dataclass, field

from msgspec import UNSET

from common.contracts.events import ModelUsage
from executor.engine.live_text import LiveTurn
from executor.engine.shared import Shared
from executor.models.dialogue import Reply, Tokens
from executor.models.draft import Draft


@dataclass(slots=True)
class Wire:
    """Implements `Listener` for one reply."""

    shared: Shared
    turn: LiveTurn
    patience: float | None = None
    requests: int = 0
    under_way: bool = False
    used: Tokens = field(default_factory=Tokens)

    @property
    def watched(self) -> bool:
        return self.shared.live_text.watched

    def on_text(self, draft: Draft) -> None:
        self.turn.show(draft)

    def on_request(self) -> None:
        self.turn.restart()
        self.requests += 1
        self.under_way = True

    def on_waste(self, tokens: Tokens) -> None:
        self.under_way = False
        self.used = _sum(self.used, tokens)

    def on_wait(self, why: str, seconds: float) -> None:
        self.end_request()
        self.shared.warn_of_wait(why, seconds)

    def end_request(self) -> None:
        """Note that the last request failed: as far as anyone knows, it used nothing."""
        self.turn.restart()
        self.under_way = False

    def usage(self, reply: Reply) -> ModelUsage:
        """Return what `reply` and all requests for it used, as its event reports it."""
        used = _sum(self.used, reply.tokens)
        return _usage(max(1, self.requests), used)

    def cut_off_usage(self, read: int) -> ModelUsage | None:
        """Return what was used although no reply came, or None if no request was sent.

        `read` estimates the prompt tokens of the request under way.
        """
        if not self.requests:
            return None
        used = self.used
        if self.under_way:
            used = _sum(used, Tokens(read, 0, None, estimated=True))
        return _usage(self.requests, used)


def _usage(requests: int, tokens: Tokens) -> ModelUsage:
    return ModelUsage(
        requests=requests,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cost_usd=tokens.cost_usd,
        estimated=True if tokens.estimated else UNSET,
    )


def _sum(one: Tokens, other: Tokens) -> Tokens:
    costs = [cost for cost in (one.cost_usd, other.cost_usd) if cost is not None]
    return Tokens(
        one.input + other.input,
        one.output + other.output,
        sum(costs) if costs else None,
        one.estimated or other.estimated,
    )
