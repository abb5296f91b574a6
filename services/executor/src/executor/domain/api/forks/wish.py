"""What a caller wants of a fork."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ForkWish:
    """From where another run of a job goes on, and what is different in it.

    `after_seq` copies the events up to there; `from_task` does that task, and all that follows it, anew.
    Without either, everything that is done is kept. `inputs` take the place of those of the same names.
    `outputs`, by task, are taken instead of having the tasks done. `replies`, by the `seq` of a model's reply,
    take its place; what followed it in its task is done anew. `version` is that of the crew that goes on.
    """

    after_seq: int | None = None
    from_task: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    replies: Mapping[int, str] = field(default_factory=dict)
    version: int | None = None
