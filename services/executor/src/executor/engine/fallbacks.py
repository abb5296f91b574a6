"""Which of an agent's models is asked: the first that has not failed lately."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from executor.models.model import ModelFault

PATIENCE = 20.0
"""Seconds for which a model is asked again while another one could answer instead."""
CODE = "MODEL_FALLBACK"
_REST = timedelta(seconds=60)
"""For so long a model that has failed is passed over, by all tasks of the run."""
_TOLD = 50
"""How many times one attempt of a job tells that another model answers."""


class Fallbacks:
    """Remembers which models of a run have failed. `warn` writes a warning into the trace."""

    def __init__(self, clock: Callable[[], datetime], warn: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._warn = warn
        self._rest: dict[str, datetime] = {}
        self._told = 0

    def order(self, models: Sequence[str]) -> Sequence[str]:
        """Return `models` in the order in which to ask them."""
        now = self._clock()
        return sorted(dict.fromkeys(models), key=lambda name: self._rest.get(name, now) > now)

    def pass_over(self, model: str, other: str, fault: ModelFault) -> None:
        """Note that `model` failed and `other` is asked instead."""
        self._rest[model] = self._clock() + _REST
        self._told += 1
        if self._told <= _TOLD:
            self._warn(CODE, f"{fault.message} The model {other} is asked instead.")
