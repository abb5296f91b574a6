"""What came of trying a model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a trial. `code` and `message` say why a model cannot be used; `seconds` is the time it took."""

    model: str
    provider: str = ""
    seconds: float = 0.0
    code: str | None = None
    message: str | None = None
