"""Runs of crews."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kasal_client import io_sync
from kasal_client.errors import KasalError
from kasal_client.models import CrewSummary, CrewView, ExecutionAccepted, ExecutionSummary

from .handles import CrewHandle
from .pages import Pages
from .runs import Run
from .transport import Transport
from .watching import Stream

CrewReference = CrewHandle | CrewView | CrewSummary | str
"""A crew, or its id."""


@dataclass(frozen=True)
class Outcome:
    """How one of many runs ended."""

    index: int
    """The place of its inputs in what was given."""
    inputs: dict[str, Any]
    run: Run | None
    """None if it could not be started."""
    result: Any = None
    error: KasalError | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.error is None


class Executions:
    """Runs of crews: start them, find them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(
        self,
        crew: CrewReference,
        inputs: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        replay_of: str | None = None,
        replay: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Start a run of `crew`, and return it at once. A file is an input `{"file": file_id}`, or a `FileAnswer`."""
        body = {
            "crew_id": crew if isinstance(crew, str) else crew.id,
            "inputs": None if inputs is None else {key: _input(one) for key, one in inputs.items()},
            "version": version,
            "replay_of": replay_of,
            "replay": replay,
        }
        made = self._transport.create(
            "/executions",
            {key: value for key, value in body.items() if value is not None},
            ExecutionAccepted,
            key=idempotency_key,
        )
        return self.run(made.job_id)

    def start_many(
        self,
        crew: CrewReference,
        inputs: Sequence[dict[str, Any]],
        *,
        max_parallel: int = 10,
        version: int | None = None,
        timeout: float | None = None,
    ) -> Stream[Outcome]:
        """Run `crew` once for each of `inputs`, at most `max_parallel` at a time; yield the outcomes as runs end.

        A run that fails is an outcome with an `error`. `timeout` is how long each is waited for.
        """
        source = self._outcomes(crew, inputs, max_parallel, version, timeout)
        return Stream(source)

    def _outcomes(
        self,
        crew: CrewReference,
        inputs: Sequence[dict[str, Any]],
        max_parallel: int,
        version: int | None,
        timeout: float | None,
    ) -> Generator[Outcome]:
        def outcome(numbered: tuple[int, dict[str, Any]]) -> Outcome:
            index, given = numbered
            run = None
            try:
                run = self.start(crew, given, version=version)
                return Outcome(index, given, run, run.result(timeout))
            except KasalError as fault:
                return Outcome(index, given, run, error=fault)

        found = io_sync.results_of(outcome, list(enumerate(inputs)), max(1, max_parallel))
        with closing(found) as outcomes:
            for one in outcomes:
                yield one

    def run(self, job_id: str) -> Run:
        """Return the run `job_id` without asking whether there is one."""
        return Run(self, self._transport, job_id)

    def get(self, job_id: str) -> Run:
        """Return the run `job_id`. Raises `NotFoundError`."""
        run = self.run(job_id)
        run.get()
        return run

    def list(
        self, *, crew_id: str | None = None, status: str | None = None, page_size: int = 100
    ) -> Pages[ExecutionSummary]:
        """Return the workspace's runs, newest first."""
        return Pages(
            self._transport,
            "/executions",
            "executions",
            ExecutionSummary,
            {"crew_id": crew_id, "status": status},
            page_size,
        )


def _input(value: Any) -> Any:
    """Return an input as the API takes it: a file by its id."""
    if isinstance(value, list | tuple):
        return [_input(one) for one in value]
    file_id = getattr(value, "file_id", None)
    return value if file_id is None else {"file": file_id}
