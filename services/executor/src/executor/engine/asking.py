"""The questions of one run: each is written once, at once with others that come up at the same time."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from executor.domain.log.journal import TooLarge
from executor.engine.faults import NeedsInput, QuestionDraft, RunFault
from executor.engine.history import Progress
from executor.engine.recording import RecordedAnswer
from executor.engine.tape import Tape
from executor.engine.trace import Trace

_TOGETHER = 0.05
"""Seconds for which a question waits for others, and for the run to end: then it is written by itself."""
_OPEN = 50
"""How many questions of a job are open at a time; the others are asked when one of these is answered."""
_MOST = 1_000
"""How many questions one job may ask."""


class Asking:
    """Hands questions in for writing. A task whose question is open ends with `NeedsInput`.

    While other tasks go on, the question is written beside them. If none does, `park` writes it as the
    last event of the run.
    """

    def __init__(
        self,
        job_id: str,
        progress: Progress,
        trace: Trace,
        clock: Callable[[], datetime],
        tape: Tape | None = None,
    ) -> None:
        self._job_id = job_id
        self._progress = progress
        self._trace = trace
        self._clock = clock
        self._tape = tape
        self._due: dict[str, QuestionDraft] = {}
        self._open = dict.fromkeys(progress.open)
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, draft: QuestionDraft) -> NeedsInput:
        """Hand in a question, unless it is open already; return what the task has to raise.

        Raises `RunFault` (`QUESTIONS_EXHAUSTED`) for a job that has asked too much.
        """
        question_id = draft.question_id(self._job_id)
        # What a tool's server wants to get back would be lost if its question were not asked now.
        has_room = len(self._open) < _OPEN or draft.wanted is not None
        if question_id not in self._open and has_room:
            self._hand_in(question_id, draft)
        return NeedsInput(draft.task_id)

    def recorded_answer(self, draft: QuestionDraft, number: int) -> RecordedAnswer | None:
        """Return what a replay has recorded as the answer, having written both; None to ask a person.

        Raises the error with which the answer ended the recorded run.
        """
        found = None if self._tape is None else self._tape.answer(draft, number)
        if self._tape is None or found is None:
            return None
        question_id = draft.question_id(self._job_id)
        if question_id not in self._open:
            self._trace.write_question(question_id, draft, self._clock(), goes_on=True)
        self._trace.write_answer(question_id, found.said)
        end = self._tape.end_by(found)
        if end is not None:
            self._trace.write_error(end)  # with the answer, as when a person gave it
            raise end
        return found

    def _hand_in(self, question_id: str, draft: QuestionDraft) -> None:
        self._progress.asked += 1
        if self._progress.asked > _MOST:
            message = f"The job has asked people {_MOST} questions, and may ask no more."
            raise RunFault("QUESTIONS_EXHAUSTED", message, draft.task_id)
        self._open[question_id] = None
        self._due[question_id] = draft
        now = self._clock()
        self._progress.waits.begin(now)
        self._progress.tasks[draft.task_id].waits.begin(now)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TOGETHER, self._write_due)

    def _write_due(self) -> None:
        self._timer = None
        try:
            while self._due:
                self._write_first(goes_on=True)
        except TooLarge:  # it stays the first, and `park` raises it in the run
            return

    def _write_first(self, *, goes_on: bool) -> None:
        question_id, draft = next(iter(self._due.items()))
        self._trace.write_question(question_id, draft, self._clock(), goes_on=goes_on)
        del self._due[question_id]

    def park(self) -> None:
        """Write that the run waits for people: with its last question, or by itself if all were written."""
        self.close()
        if not self._due:
            self._trace.write_waiting(list(self._open))
        while self._due:
            self._write_first(goes_on=len(self._due) > 1)

    def close(self) -> None:
        """Write no more questions beside the run."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
