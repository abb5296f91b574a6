"""What calls to models use: money and tokens, as whole numbers that add up exactly."""

from dataclasses import dataclass

from common.contracts.events import ModelUsage

_NANO = 1_000_000_000
_UNBOUNDED = 10**17
"""More than any month can use, and small enough for the database's integers."""


@dataclass(frozen=True, slots=True)
class Amount:
    """`nano` is in billionths of a US dollar."""

    nano: int = 0
    tokens: int = 0

    def plus(self, other: "Amount") -> "Amount":
        return Amount(self.nano + other.nano, self.tokens + other.tokens)

    def minus(self, other: "Amount") -> "Amount":
        return Amount(self.nano - other.nano, self.tokens - other.tokens)

    def times(self, number: int) -> "Amount":
        return Amount(self.nano * number, self.tokens * number)

    def covers(self, other: "Amount") -> bool:
        """Say whether this is enough for `other`, in money and in tokens."""
        return self.nano >= other.nano and self.tokens >= other.tokens

    def largest(self, other: "Amount") -> "Amount":
        return Amount(max(self.nano, other.nano), max(self.tokens, other.tokens))

    @property
    def positive(self) -> "Amount":
        """The same, without what is below nothing."""
        return self.largest(NOTHING)

    @property
    def usd(self) -> float:
        return self.nano / _NANO


NOTHING = Amount()


def nano_of(usd: float) -> int:
    """Return US dollars in billionths."""
    return min(_UNBOUNDED, round(usd * _NANO))


def amount_of(usage: ModelUsage) -> Amount:
    """Return what requests used. A cost that is not known counts as none."""
    tokens = usage.input_tokens + usage.output_tokens
    return Amount(nano_of(usage.cost_usd or 0.0), min(_UNBOUNDED, tokens))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a workspace may use in a month; None is no limit."""

    nano: int | None = None
    tokens: int | None = None

    def remainder(self, used: Amount) -> Amount:
        """Return what is left after `used`, which may be below nothing."""
        return Amount(
            _UNBOUNDED if self.nano is None else self.nano - used.nano,
            _UNBOUNDED if self.tokens is None else self.tokens - used.tokens,
        )

    def limited_part(self, amount: Amount) -> Amount:
        """Return only the parts of `amount` that are limited."""
        return Amount(
            0 if self.nano is None else amount.nano, 0 if self.tokens is None else amount.tokens
        )
