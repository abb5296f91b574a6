"""Decides which events of a job a fork copies.

The copy is one that the job itself could have had: what a reply asked for is kept with it, so that no effect is
repeated, and what a person said counts only where it cannot have a second effect.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from common.contracts.events import TERMINAL_EVENTS, EventType
from executor.domain.api.forks.survey import Key, QuestionSeen, Seen, Survey

_ALWAYS_LEFT = {*TERMINAL_EVENTS, EventType.EXECUTION_WAITING}
_OF_THE_JOB = {
    EventType.EXECUTION_START,
    EventType.EXECUTION_RESUMED,
    EventType.EXECUTION_FORKED,
}


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the history is cut: behind `after`, and in single tasks earlier.

    Of the tasks `anew` nothing is kept. In the tasks of `replies`, nothing is kept behind the reply that is
    replaced. The tasks `unfinished` are to come to their end again. `managed` says that the crew has a manager.
    """

    after: int
    anew: Collection[str]
    replies: Mapping[str, int]
    unfinished: Collection[str]
    managed: bool


def events_to_copy(survey: Survey, cut: Cut) -> list[int]:
    """Return the `seq`s of the events that are copied, ascending."""
    return _Keeper(survey, cut).seqs()


class _Keeper:
    def __init__(self, survey: Survey, cut: Cut) -> None:
        self._survey = survey
        self._cut = cut

    def seqs(self) -> list[int]:
        tasks = {s.seq for s in self._survey.events if s.task_id is not None and self._keep(s)}
        of_tasks = (s.seq for s in self._survey.events if s.task_id is not None)
        dropped = (seq for seq in of_tasks if seq <= self._cut.after and seq not in tasks)
        first = next(dropped, self._cut.after + 1)
        return [s.seq for s in self._survey.events if s.seq in tasks or self._keep_other(s, first)]

    def _keep_other(self, seen: Seen, first_dropped: int) -> bool:
        """Keep claims; keep warnings and progress only while nothing was left out yet: they tell of all tasks."""
        if seen.task_id is not None or seen.type in _ALWAYS_LEFT:
            return False
        if seen.type in _OF_THE_JOB:
            return seen.seq <= self._cut.after
        return seen.seq < first_dropped

    def _keep(self, seen: Seen) -> bool:
        task_id = seen.task_id or ""
        if seen.type in _ALWAYS_LEFT or self._is_anew(task_id):
            return False
        if seen.type == EventType.TASK_COMPLETE and task_id in self._cut.unfinished:
            return False
        question_id = seen.question_id or self._survey.asking.get(seen.seq)
        if question_id is not None:  # without its question, a call would seem to have been made
            return self._keep_question(self._survey.questions[question_id])
        within = seen.seq <= self._limit(task_id)
        if seen.number is None:
            return within
        key = task_id, seen.number
        if self._survey.reply_of(key) is None:
            return within
        return self._has_reply(key) and (within or self._has_effect(key))

    def _is_anew(self, task_id: str) -> bool:
        anew = self._cut.anew
        return task_id in anew or self._survey.items.get(task_id, task_id) in anew

    def _limit(self, task_id: str) -> int:
        """Return up to where a task's events are kept."""
        return min(self._cut.after, self._cut.replies.get(task_id, self._cut.after))

    def _has_reply(self, key: Key) -> bool:
        """Say whether the reply that asked for a call is kept as it is."""
        seq, replaced = self._survey.reply_of(key), self._cut.replies.get(key[0])
        return seq is not None and seq <= self._limit(key[0]) and seq != replaced

    def _has_effect(self, key: Key) -> bool:
        return self._survey.has_effect(key, managed=self._cut.managed)

    def _keep_question(self, asked: QuestionSeen) -> bool:
        """Keep a question with its answer, if the answer may count in the fork.

        An approval counts for the one call that was made with it; before that, a person is asked anew. One from a
        recording counts only with the call's result: no call was made with it. A person is asked anew also after an
        answer that ended the job, and after the word to make a call again.
        """
        if asked.answered is None:
            return False
        within = asked.answered <= self._limit(asked.task_id)
        key = asked.task_id, asked.number or 0
        call = self._survey.calls.get(key)
        if asked.kind == "approval":
            made = call is not None and (call.done if asked.recorded else call.made)
            made = made and self._has_reply(key)
            return made if asked.outcome == "approved" else within and self._has_reply(key)
        if asked.kind == "unknown_outcome":
            if asked.outcome == "retry":
                return call is not None and call.done and self._has_reply(key)
            return asked.outcome == "answered" and self._has_reply(key)
        if asked.kind == "review":
            return within and asked.outcome in {"approved", "answered"}
        return within and asked.outcome != "expired"
