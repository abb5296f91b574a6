"""The bodies of questions to people, of the inbox, and of answers."""

from typing import Annotated, Any

from fastapi import Query
from msgspec import structs
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from common.contracts.events import AnsweredBy, Decision, QuestionKind
from common.contracts.ids import id_of
from common.web.models import AnswerModel, CursorPageQuery, NextPage, RequestModel, Timestamp, text
from executor.domain.api.inbox import Asked
from executor.domain.log.questions import Answer, Question

_WORDS = 50_000
_Remark: Any = text(4_000)
_QuestionId: Any = text(100)
_CrewId: Any = id_of("crew_id")


class ToolCallView(AnswerModel):
    tool: Annotated[str, Field(description="Name of the tool", examples=["send_email"])]
    arguments: Annotated[
        dict[str, Any] | None,
        Field(
            description="All arguments, exactly as the call will be made. In the inbox null if they have "
            "more than 8,000 bytes: the job shows them",
            examples=[{"to": "ada@example.com", "subject": "Offer"}],
        ),
    ]
    call: Annotated[int, Field(description="Number of the call in its task", examples=[1])]
    digest: Annotated[
        str,
        Field(
            description="What an approval is bound to: the SHA-256, in hex, of the canonical JSON (RFC 8785) "
            "of `{arguments, call, task_id, tool}`",
            examples=["9f2b6c0d"],
        ),
    ]


class QuestionView(AnswerModel):
    question_id: Annotated[
        str,
        Field(description="Names the question in the answer", examples=["question_5f0c2b7a9d"]),
    ]
    task_id: Annotated[
        str | None, Field(description="The task that waits", examples=["task_7hq2kd90s1"])
    ]
    agent: Annotated[
        str,
        Field(description="Who asks; empty for jobs of older versions", examples=["Writer"]),
    ]
    kind: Annotated[
        QuestionKind,
        Field(
            description="`review`: may this answer be used? `approval`: may this tool call be made? "
            "`unknown_outcome`: what came of this call? `question`: what an agent asks",
            examples=["approval"],
        ),
    ]
    prompt: Annotated[
        str,
        Field(
            description="The question, as a person reads it",
            examples=["Writer wants to call the tool send_email with: …"],
        ),
    ]
    answer: Annotated[
        Any,
        Field(
            description="In a review: the answer that is used unchanged if approved",
            examples=["Dear Ada, …"],
        ),
    ] = None
    asked_at: Timestamp
    tool_call: Annotated[
        ToolCallView | None, Field(description="In an approval: the call that is asked about")
    ] = None
    response_schema: Annotated[
        dict[str, Any] | None,
        Field(
            description="JSON Schema that `input` must meet",
            examples=[{"type": "object", "required": ["amount"]}],
        ),
    ] = None
    choices: Annotated[
        list[str] | None,
        Field(description="The texts of which `input` must be one", examples=[["red", "blue"]]),
    ] = None
    expires_at: Annotated[
        Timestamp | None, Field(description="When `on_expiry` takes the place of an answer")
    ] = None
    on_expiry: Annotated[
        str | None,
        Field(
            description="What follows then: `fail`, `reject`, `approve`, or `answer:` and a value",
            examples=["reject"],
        ),
    ] = None
    answered_by: Annotated[
        AnsweredBy, Field(description="The lowest role that may answer", examples=["editor"])
    ] = "editor"


class InboxEntry(QuestionView):
    job_id: Annotated[str, Field(description="The job that asks", examples=["job_qwerty123"])]
    crew_id: Annotated[str, Field(description="The job's crew", examples=["crew_abc123"])]


class InboxAnswer(AnswerModel):
    questions: Annotated[
        list[InboxEntry],
        Field(
            description="Open questions, oldest first. Prompts are cut to 2,000 characters, and the answer "
            "under a review is left out: the job shows all of it"
        ),
    ]
    total: Annotated[int, Field(description="All that are open, counted up to 10,000")]
    page: int
    page_size: int
    next: NextPage


def _strip_text(value: Any) -> Any:
    """Return a text without surrounding space, any other value as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        raise PydanticCustomError("string_too_short", "String should have at least 1 character")
    if len(text) > _WORDS:
        reason = "String should have at most {most} characters"
        raise PydanticCustomError("string_too_long", reason, {"most": _WORDS})
    return text


_Said = Annotated[Any, AfterValidator(_strip_text)]
"""What a body of JSON holds is JSON: `JsonValue` would look at each of half a million values again."""


class ExecutionInput(RequestModel):
    outcome: Annotated[
        Decision,
        Field(
            description="`approved` keeps the reviewed answer as it is, or has the tool call made; "
            "`rejected` ends the job, or has the agent go on without the call or the answer; `answered` says "
            "in `input` what should change, what came of a call of unknown outcome, or what was asked for; "
            "`retry` has a call of unknown outcome made again. A text alone is never an approval",
            examples=["approved"],
        ),
    ] = "answered"
    input: Annotated[
        _Said | None,
        Field(
            description="Needed by `answered`: a text, or a value that meets the question's "
            "`response_schema`",
            examples=["Make it shorter"],
        ),
    ] = None
    arguments: Annotated[
        dict[str, Any] | None,
        Field(
            description="With `approved`, for a tool call: what it is made with, in place of all the arguments "
            "that were shown. They must meet the tool's `parameters`",
            examples=[{"to": "grace@example.com", "subject": "Offer"}],
        ),
    ] = None
    comment: Annotated[
        _Remark | None,
        Field(
            description="Kept with the answer; the agent gets to read that of a rejected call or question",
            examples=["Not to this customer"],
        ),
    ] = None
    question_id: Annotated[
        _QuestionId | None,
        Field(
            description="Which question this answers; may be left out while just one is open",
            examples=["question_5f0c2b7a9d"],
        ),
    ] = None

    def as_answer(self) -> Answer:
        """Return the caller's answer as a value of the domain."""
        return Answer(self.outcome, self.input, self.comment, self.arguments)


class ListQuestions(CursorPageQuery):
    crew_id: Annotated[_CrewId | None, Query(description="Only questions of this crew's jobs")] = (
        None
    )
    kind: Annotated[
        QuestionKind | None, Query(description="Only `review`, `approval`, … questions")
    ] = None


def question_view(question: Question) -> QuestionView:
    """Return a question as people see it."""
    return QuestionView(**_question_fields(question))


def inbox_entry(asked: Asked) -> InboxEntry:
    """Return a question as the inbox shows it."""
    shown = _question_fields(asked.question)
    if asked.cut:
        shown["tool_call"]["arguments"] = None
    return InboxEntry(**shown, job_id=asked.job_id, crew_id=asked.crew_id)


def _question_fields(question: Question) -> dict[str, Any]:
    shown = {name: getattr(question, name) for name in QuestionView.model_fields}
    call = question.tool_call
    return {**shown, "tool_call": None if call is None else structs.asdict(call)}
