"""`kasal inbox`, `approve`, `reject` and `answer`: what runs ask people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kasal_client.command.cleaning import one_line
from kasal_client.command.faults import CommandError
from kasal_client.command.link import AsJson, link_of
from kasal_client.command.naming import crew_id_of, job_id_of
from kasal_client.command.options import JobName, json_of
from kasal_client.command.output import Output, as_json
from kasal_client.command.when import ago

if TYPE_CHECKING:
    from kasal_client import Run
    from kasal_client.models import InboxEntry

QuestionId = Annotated[
    str | None, typer.Option("--question", help="Which question, if several are open.")
]
Comment = Annotated[str | None, typer.Option("--comment", "-m", help="Kept with the answer.")]


def inbox(
    context: typer.Context,
    crew: Annotated[str | None, typer.Option(help="Only questions of this crew.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="approval, review, question or unknown_outcome.")
    ] = None,
    is_json: AsJson = False,
) -> None:
    """List the questions that wait for a person, oldest first."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        crew_id = crew and crew_id_of(kasal, crew)
        found = kasal.questions.list(crew_id=crew_id, kind=kind).to_list()
    if is_json:
        output.json(as_json(found))
        return
    output.rows(
        ["RUN", "KIND", "ASKED", "WHAT", "QUESTION"],
        [
            (one.job_id, one.kind, ago(one.asked_at.isoformat()), _what(one), one.question_id)
            for one in found
        ],
        empty="Nothing waits for a person.",
    )


def approve(
    context: typer.Context,
    job: JobName,
    arguments: Annotated[
        str | None, typer.Option(help="JSON in place of the call's arguments that were shown.")
    ] = None,
    comment: Comment = None,
    question: QuestionId = None,
    is_json: AsJson = False,
) -> None:
    """Say yes: make the call that was shown, or use the answer."""
    given = None if arguments is None else json_of(arguments, "--arguments")
    fields: dict[str, Any] = {"comment": comment}
    with link_of(context).session() as kasal:
        run = kasal.executions.run(job_id_of(kasal, job))
        if given is None:
            taken = run.approve(question, **fields)
        else:
            taken = run.edit(given, question=question, **fields)
    _tell(Output(is_json=is_json), taken, "Approved.")


def reject(
    context: typer.Context,
    job: JobName,
    comment: Comment = None,
    question: QuestionId = None,
    is_json: AsJson = False,
) -> None:
    """Say no: the call is not made and the agent reads the comment. A rejected review ends the run."""
    with link_of(context).session() as kasal:
        run = kasal.executions.run(job_id_of(kasal, job))
        taken = run.reject(comment, question=question)
    _tell(Output(is_json=is_json), taken, "Rejected.")


def answer(
    context: typer.Context,
    job: JobName,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="The answer; in a review, what to change."),
    ] = None,
    as_value: Annotated[
        str | None, typer.Option("--value", help="The answer as JSON, where a schema is asked for.")
    ] = None,
    retries: Annotated[
        bool, typer.Option("--retry", help="Make a call of unknown outcome again.")
    ] = False,
    comment: Comment = None,
    question: QuestionId = None,
    is_json: AsJson = False,
) -> None:
    """Answer a question with a text, a choice or a value."""
    if [value is not None, as_value is not None, retries].count(True) != 1:
        raise CommandError(
            "There is no answer, or several.", "Give a TEXT, --value JSON, or --retry."
        )
    with link_of(context).session() as kasal:
        run = kasal.executions.run(job_id_of(kasal, job))
        if retries:
            taken = run.retry_call(question=question, comment=comment)
        else:
            given = (
                json_of(as_value, "--value")
                if as_value is not None
                else _value(run, value, question)
            )
            taken = run.answer(given, question=question, comment=comment)
    _tell(Output(is_json=is_json), taken, "Answered.")


def _value(run: Run, text: str | None, question: str | None) -> Any:
    """Return a text as the value that the question asks for, if it asks for a single simple one."""
    from kasal_client.command.schema_forms import fields_of

    asked = [one for one in run.questions() if question in (None, one.question_id)]
    schema = asked[0].response_schema if len(asked) == 1 else None
    if not schema:
        return text
    fields = fields_of(schema)
    if len(fields) != 1 or fields[0].name:
        names = ", ".join(field.label for field in fields)
        raise CommandError(
            f"The answer has several values: {names}.", "Give them as JSON: --value '{…}'"
        )
    try:
        return fields[0].value_of(text or "")
    except ValueError as fault:
        raise CommandError(str(fault), f"It is asked for: {fields[0].label}") from None


def _what(one: InboxEntry) -> str:
    call = one.tool_call
    if call is not None and one.kind == "approval":
        from kasal_client.command.cleaning import compact

        return one_line(f"{call.tool} {compact(call.arguments)}", 80)
    return one_line(one.prompt, 80)


def _tell(output: Output, taken: Any, done: str) -> None:
    if output.is_json:
        output.json(as_json(taken))
    else:
        output.line(f"{done} {taken.job_id} is {taken.status}.")
