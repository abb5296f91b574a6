"""From an agent's text to a task's output: schema, guardrail, and a person's review."""

import json
import re
from typing import Any

from common.contracts.crew import TaskSnapshot
from executor.engine import prompts
from executor.engine.conversation import Conversation
from executor.engine.desk import Desk, Speaker
from executor.engine.faults import Asked, NeedsInput, RunFault
from executor.engine.history import Output, Review
from executor.models.dialogue import Dialogue, Topic
from executor.tools.arguments import complaint as schema_complaint

_FENCED = re.compile(r"\A\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


class Answers:
    """Gets a task's output out of a conversation with `speaker`, whose model judges guardrails."""

    def __init__(self, desk: Desk, conversation: Conversation, speaker: Speaker) -> None:
        self._desk = desk
        self._conversation = conversation
        self._agent = speaker.agent
        self._model = speaker.model
        self._judged = 0

    async def output(self) -> Output:
        """Return what the task made. Raises `RunFault`, or `NeedsInput` for a task to be reviewed.

        What a person is shown has been checked, and only an approval ends a review: what is written
        after a wish for changes is checked and asked about again.
        """
        reviews = self._desk.record.reviews
        approved = bool(reviews) and reviews[-1].outcome == "approved"
        if approved and reviews[-1].shown is not None:
            return reviews[-1].shown
        output = await self._settled()
        if not self._desk.task.human_input:
            return output
        for number, review in enumerate(reviews):
            if review.outcome == "approved":
                return output
            self._go_on_after(number, review)
            self._conversation.begin_anew(prompts.review(review.text))
            output = await self._settled()
        raise NeedsInput(self._asked(output))

    def _go_on_after(self, number: int, review: Review) -> None:
        """Raise `RunFault` when the `number`th `review`, from 0, is the last word."""
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

    def _asked(self, output: Output) -> Asked:
        task, shared = self._desk.task, self._desk.shared
        described = prompts.filled(task.description, shared.inputs)
        left = task.max_reviews - len(self._desk.record.reviews)
        prompt = prompts.reviewing(described, output.text, left)
        return Asked(task.id, self._agent, prompt, output.value)

    async def _settled(self) -> Output:
        task = self._desk.task
        complaint = ""
        for _ in range(task.max_retries + 1):
            if complaint:
                self._conversation.say(prompts.again(complaint))
            text = await self._conversation.answer()
            checked = checked_output(task, text)
            if isinstance(checked, Output):
                complaint = await self._objection(checked)
                if not complaint:
                    return checked
            else:
                complaint = checked
        raise RunFault(
            "OUTPUT_INVALID",
            f"The answer did not become valid in {task.max_retries + 1} tries: {complaint}",
            task.id,
        )

    async def _objection(self, output: Output) -> str:
        """Return what the guardrail has against `output`; empty when nothing."""
        rule = self._desk.task.guardrail
        if not rule:
            return ""
        self._judged += 1
        speaker = Speaker(f"g{self._judged}", "Guardrail", self._model, {})
        topic = Topic("Guardrail", rule, purpose="judge")
        dialogue = Dialogue(prompts.JUDGE, prompts.judging(rule, output.text), topic)
        verdict = (await Conversation(self._desk, speaker, dialogue).answer()).strip()
        if verdict.upper().lstrip("*_`\"' ").startswith("PASS"):
            return ""
        return f"it does not meet the rule '{rule}': {verdict[:1_000]}"


def checked_output(task: TaskSnapshot, text: str) -> Output | str:
    """Return `text` as the task's output, or what is wrong with it."""
    if not text.strip():
        return "it is empty."
    if task.output_schema is None:
        return Output(text, text)
    try:
        value: Any = json.loads(_unfenced(text))
    except (ValueError, RecursionError):
        return "it is not one JSON value."
    complaint = schema_complaint(task.output_schema, value)
    return Output.of(value) if complaint is None else f"it does not meet the schema: {complaint}"


def _unfenced(text: str) -> str:
    found = _FENCED.match(text)
    return text if found is None else found[1]
