"""What an agent and a task are made of: each field is declared here, once.

Requests, changes, answers, the stored document and the snapshot that a run reads derive from these two classes
(`common.contracts.fields`). A new field needs a default, or else crews stored before it cannot be read.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from common.conditions.grammar import LONGEST, parse_condition
from common.contracts.events import AnsweredBy
from common.contracts.fields import Fields
from common.contracts.guardrails import Guardrail
from common.contracts.ids import id_of
from common.contracts.model_settings import ModelSettingsDraft
from common.contracts.models import canonical, model_fault
from common.contracts.texts import WrittenAs, line
from common.schemas.checking import form_fault


def text(longest: int, shortest: int = 1) -> Any:
    """Return the rule for a text: stripped, `shortest` to `longest` characters."""
    return StringConstraints(strip_whitespace=True, min_length=shortest, max_length=longest)


def _storable_schema(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """Refuse a schema that cannot even be stored; whether a run can use it is checked off the event loop."""
    fault = None if value is None else form_fault(value)
    if fault is not None:
        raise ValueError(fault.reason)
    return value


def _model_name(value: str) -> str:
    name = canonical(value)
    fault = model_fault(name)
    if fault is not None:
        raise ValueError(fault)
    return name


def _readable_condition(value: str) -> str:
    parse_condition(value)
    return value


Name = Annotated[str, text(200), AfterValidator(line)]
TaskName = Annotated[str, text(100), AfterValidator(line)]
Goal = Annotated[str, text(4_000)]
Backstory = Annotated[str, text(10_000, shortest=0)]
Model = Annotated[str, text(200), AfterValidator(_model_name)]
Fallbacks = Annotated[list[Model], Field(max_length=5, fail_fast=True)]
Words = Annotated[str, text(20_000)]
ExpectedOutput = Annotated[str, text(20_000, shortest=0)]
Tools = Annotated[list[Annotated[str, text(100)]], Field(max_length=50, fail_fast=True)]
Context = Annotated[list[Words], Field(max_length=50, fail_fast=True)]
DependsOn = Annotated[list[TaskName], Field(max_length=50, fail_fast=True)]
Condition = Annotated[str, text(LONGEST), AfterValidator(_readable_condition)]
ForEach = Annotated[str, text(200), AfterValidator(line)]
AgentId: Any = id_of("agent_id")
JsonSchema = Annotated[dict[str, Any] | None, AfterValidator(_storable_schema)]
Retries = Annotated[int, Field(ge=0, le=10)]
Reviews = Annotated[int, Field(ge=0, le=50)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
ExpiresIn = Annotated[float, Field(ge=1, le=31_536_000)]
OnExpiry = Annotated[
    str,
    StringConstraints(max_length=10_000),
    WrittenAs(
        r"^(fail|reject|approve|answer:[\s\S]+)$", "fail, reject, approve or answer: with a text"
    ),
]
APPROVALS = "Tools whose calls a person must approve before they are made"
EXPIRES_IN = "Seconds after which `on_expiry` answers a question; by default it waits for ever"
ON_EXPIRY = (
    "What follows when nobody answers in time: `fail` ends the job, `reject` and `approve` decide, and "
    "`answer:` gives the text behind it. What a kind of question does not allow counts as `fail`"
)
ANSWERED_BY = "The lowest role that may answer"


class AgentFields(Fields):
    """An agent. One that is sent without a name is called by its role."""

    name: Name | None = None
    role: Name
    goal: Goal
    backstory: Backstory = ""
    model: Model
    tools: Tools = Field(default=[])
    approvals: Tools = Field(default=[], description=APPROVALS, examples=[["send_email"]])
    model_settings: ModelSettingsDraft | None = Field(
        default=None,
        description="Settings for its model and the fallbacks; a provider that does not have one ignores it",
        examples=[{"temperature": 0.2, "max_tokens": 2_000}],
    )
    fallback_models: Fallbacks = Field(
        default=[],
        description="Models that are asked in this order when `model` is unavailable or over its limit",
        examples=[["claude-3-5-haiku-latest"]],
    )


class TaskFields(Fields):
    """A task. `context` holds texts, and ids of earlier tasks whose outputs it reads."""

    name: TaskName | None = None
    description: Words
    expected_output: ExpectedOutput
    agent_id: AgentId | None = None
    context: Context = Field(default=[])
    tools: Tools = Field(default=[])
    depends_on: DependsOn = Field(
        default=[],
        description="Names or ids of tasks that must be done first; the task does not get their outputs",
        examples=[["research"]],
    )
    condition: Condition | None = Field(
        default=None,
        description="The task is skipped unless this holds: an expression over `inputs` and `outputs`",
        examples=["outputs.research.score >= 7 and inputs.language == 'en'"],
    )
    for_each: ForEach | None = Field(
        default=None,
        description="The task is done once for each entry of a list, which its texts name `{item}`: the input "
        "`{name}`, or the name or id of an earlier task whose output_schema is an array",
        examples=["{companies}"],
    )
    async_execution: bool = False
    output_schema: JsonSchema = None
    human_input: bool = False
    guardrail: Guardrail | None = Field(
        default=None,
        description="A rule that the answer must meet, or several, checked in this order. A text is judged by the "
        "agent's model; an object with a `kind` needs no model",
        examples=[[{"kind": "length", "max": 300, "unit": "words"}, "It names its sources"]],
    )
    max_retries: Retries = 2
    max_reviews: Reviews = Field(
        default=5,
        description="With `human_input`: how often a person may send the answer back. Once more ends the "
        "job with `REVIEWS_EXHAUSTED`",
    )
    timeout: Seconds | None = None
    approvals: Tools = Field(default=[], description=APPROVALS, examples=[["send_email"]])
    expires_in: ExpiresIn | None = Field(default=None, description=EXPIRES_IN, examples=[86_400])
    on_expiry: OnExpiry | None = Field(default=None, description=ON_EXPIRY, examples=["reject"])
    answered_by: AnsweredBy | None = Field(
        default=None, description=ANSWERED_BY, examples=["admin"]
    )
