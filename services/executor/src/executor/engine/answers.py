"""Turns an agent's text into a task's output: schema, guardrail, and a person's review."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from common.contracts.crew import TaskSnapshot
from common.contracts.guardrails import AnyRule, rules_of
from common.schemas.validation import (
    TooMuchWork,
    beside_the_loop,
    complaint_within,
    quick_complaint,
)
from executor.domain.inputs.placeholders import fill_placeholders
from executor.domain.log.questions import answer_in
from executor.engine import prompts, rules, values, verdicts
from executor.engine.continuing import OUTPUT_CUT
from executor.engine.conversation import Conversation
from executor.engine.desk import Desk, Speaker
from executor.engine.faults import QuestionDraft, RunFault
from executor.engine.history import Output, Review
from executor.engine.trace import Rejection, shorten
from executor.engine.verdicts import Verdict
from executor.models.dialogue import Dialogue, Topic

_JUDGED = 3
"""How often a judge is asked for its verdict on one answer."""
_SHORT = 16_000


class Answers:
    """Gets a task's output from a conversation with `speaker`, whose model also judges guardrails."""

    def __init__(self, desk: Desk, conversation: Conversation, speaker: Speaker) -> None:
        self._desk = desk
        self._conversation = conversation
        self._agent = speaker.agent
        self._model, self._fallbacks = speaker.model, speaker.fallbacks
        self._judged = self._rejected = 0
        self._rules = rules_of(desk.task.guardrail)

    async def output(self) -> Output:
        """Return the task's output. Raises `RunFault`, or `NeedsInput` if a person has to review it.

        A person only sees answers that passed the checks. Only an approval ends a review: an answer
        written after a request for changes is checked and reviewed again.
        """
        reviews = self._desk.record.reviews
        approved = bool(reviews) and reviews[-1].outcome == "approved"
        if approved and reviews[-1].shown is not None:
            return reviews[-1].shown
        output = await self._valid_output()
        if not self._desk.task.human_input:
            return output
        number = 0
        while True:
            if number == len(reviews):
                self._ask(output)
            review = reviews[number]
            if review.outcome == "approved":
                return output
            self._go_on_after(number, review)
            self._conversation.begin_anew(prompts.review_reply(review.text))
            output = await self._valid_output()
            number += 1

    def _ask(self, output: Output) -> None:
        """Add the review that a replay has recorded; raise `NeedsInput` if there is none."""
        draft, reviews = self._question(output), self._desk.record.reviews
        found = self._desk.shared.asking.recorded_answer(draft, len(reviews))
        if found is None:
            raise self._desk.shared.asking.ask(draft)
        said = answer_in(found.said)
        reviews.append(Review(said.outcome, str(said.input or ""), output))

    def _go_on_after(self, number: int, review: Review) -> None:
        """Raise `RunFault` if the `number`th `review` (from 0) allows no further answer."""
        task = self._desk.task
        if review.outcome == "rejected":
            raise RunFault("REJECTED", f"The answer of the task {task.id} was rejected.", task.id)
        if number >= task.max_reviews:
            raise RunFault(
                "REVIEWS_EXHAUSTED",
                f"The answer of the task {task.id} was sent back {number + 1} times and is still not "
                f"approved; the task allows {task.max_reviews} (max_reviews).",
                task.id,
            )

    def _question(self, output: Output) -> QuestionDraft:
        task, shared = self._desk.task, self._desk.shared
        described = fill_placeholders(task.description, shared.inputs_of(task))
        left = task.max_reviews - len(self._desk.record.reviews)
        prompt = prompts.review_question(described, output.text, left)
        return QuestionDraft(
            "review",
            task.id,
            self._agent,
            prompt,
            subject=str(len(self._desk.record.reviews)),
            rules=shared.question_rules(task),
            answer=output.value,
        )

    async def _valid_output(self) -> Output:
        task = self._desk.task
        complaint = ""
        for left in range(task.max_retries, -1, -1):
            if complaint:
                self._conversation.say(prompts.complaint_reply(complaint))
            checked = await self._checked_answer()
            if isinstance(checked, Output):
                return checked
            complaint = checked.reason
            if self._conversation.cut:
                complaint += prompts.NOT_WHOLE
            self._write_rejection(replace(checked, reason=complaint), left)
        raise RunFault(
            OUTPUT_CUT if self._conversation.cut else "OUTPUT_INVALID",
            f"The answer was still invalid after {task.max_retries + 1} tries: {complaint}",
            task.id,
        )

    async def _checked_answer(self) -> Output | Rejection:
        """Return the next answer as the task's output, or why it does not do.

        It is read anew, and then meets the guardrails in their order.
        """
        text = await self._conversation.answer()
        checked = await checked_output(self._desk.task, text)
        if isinstance(checked, str):
            return Rejection(checked)
        for place, rule in enumerate(self._rules):
            reason = await self._objection(rule, checked)
            if reason:
                return Rejection(reason, "words" if isinstance(rule, str) else rule.kind, place)
        return checked

    def _write_rejection(self, rejection: Rejection, left: int) -> None:
        """Write why an answer does not do, unless the history has it."""
        self._rejected += 1
        if self._rejected > self._desk.record.rejected:
            trace, task_id = self._desk.shared.trace, self._desk.task.id
            trace.write_rejection(task_id, self._agent, rejection, self._rejected, left)

    async def _objection(self, rule: str | AnyRule, output: Output) -> str:
        """Return a guardrail's objection to `output`, or an empty text."""
        if not isinstance(rule, str):
            return await rules.objection(rule, output)
        verdict = await self._judgement(rule, output)
        return "" if verdict.passed else f"it does not meet the rule '{rule}': {verdict.reason}"

    async def _judgement(self, rule: str, output: Output) -> Verdict:
        """Return the judge's verdict. Raises `RunFault` if it gives no clear one: that is no pass."""
        self._judged += 1
        scope, others = f"g{self._judged}", self._fallbacks
        speaker = Speaker(scope, "Guardrail", self._model, {}, fallbacks=others)
        topic = Topic("Guardrail", rule, purpose="judge", output_schema=verdicts.SCHEMA)
        dialogue = Dialogue(prompts.JUDGE, prompts.judge_question(rule, output.text), topic)
        conversation = Conversation(self._desk, speaker, dialogue)
        reply = ""
        for _ in range(_JUDGED):
            reply = await conversation.answer()
            verdict = verdicts.verdict_of(reply)
            if verdict is not None:
                return verdict
            conversation.say(prompts.UNCLEAR)
        message = (
            f"The model {self._model} gave no clear verdict on the guardrail in {_JUDGED} tries, so the "
            f"answer does not pass. It last said: {shorten(reply, 200)}"
        )
        if conversation.cut:
            message += f" {prompts.NOT_WHOLE.strip()}"
        raise RunFault("GUARDRAIL_UNCLEAR", message, self._desk.task.id)


async def checked_output(task: TaskSnapshot, text: str) -> Output | str:
    """Return `text` as the task's output, or what is wrong with it."""
    if not text.strip():
        return "it is empty."
    schema = task.output_schema
    if schema is None:
        return Output(text, text)
    try:
        return Output.of(await _value_in(schema, text))
    except values.UnreadableValue as fault:
        return f"{fault}."


async def _value_in(schema: Mapping[str, Any], text: str) -> Any:
    """Return the value in `text`. Long texts, and slow checks, are handled off the event loop."""
    if len(text) <= _SHORT:
        try:
            return values.find_value(text, partial(quick_complaint, schema))
        except TooMuchWork:
            pass
    return await beside_the_loop(
        partial(values.find_value, text, partial(complaint_within, schema))
    )
