"""`kasal runs`: look at runs, watch them, stop them, run them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kasal_client.command.link import AsJson, link_of
from kasal_client.command.naming import crew_id_of, job_id_of
from kasal_client.command.options import Inputs, JobName, inputs_of, json_of
from kasal_client.command.output import Output, as_json
from kasal_client.command.verbs.running import IsQuiet, KeepsWaiting, Shown, Watches, watch
from kasal_client.command.when import ago, count, duration, money

if TYPE_CHECKING:
    from kasal_client.models import CallSummary, ExecutionDetail, ExecutionSummary

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many to list.")]


def ls(
    context: typer.Context,
    crew: Annotated[str | None, typer.Option(help="Only runs of this crew.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only runs that are: running, waiting_for_input, failed …")
    ] = None,
    limit: Limit = 20,
    is_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        crew_id = crew and crew_id_of(kasal, crew)
        found = kasal.executions.list(crew_id=crew_id, status=status).to_list(limit)
        if is_json:
            output.json(as_json(found))
            return
        names = {one.id: one.name for one in kasal.crews.list().to_list(1000)} if found else {}
        output.rows(
            ["RUN", "CREW", "STATUS", "STARTED", "TOOK"],
            [_row(one, names) for one in found],
            empty="There is no run yet. Start one: kasal run CREW",
        )


def _row(one: ExecutionSummary, names: dict[str, str]) -> tuple[Any, ...]:
    took = _seconds(one)
    name = names.get(one.crew_id, one.crew_id)
    return (one.job_id, name, one.status, ago(one.created_at.isoformat()), duration(took))


def _seconds(one: ExecutionSummary | ExecutionDetail) -> float | None:
    if one.started_at is None or one.finished_at is None:
        return None
    return (one.finished_at - one.started_at).total_seconds()


def watch_run(
    context: typer.Context,
    job: JobName,
    watches: Watches = None,
    is_quiet: IsQuiet = False,
    keeps_waiting: KeepsWaiting = False,
    is_json: AsJson = False,
) -> None:
    """Watch a run from its start to its end, also one that has ended."""
    link = link_of(context)
    with link.session() as kasal:
        run = kasal.executions.run(job_id_of(kasal, job))
        shown = Shown(Output(is_json=is_json), watches, is_quiet, keeps_waiting)
        raise typer.Exit(watch(link, run, shown))


def show(context: typer.Context, job: JobName, is_json: AsJson = False) -> None:
    """Show how a run is, its tasks and its result."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        known = kasal.executions.run(job_id_of(kasal, job)).get()
    if is_json:
        output.json(as_json(known))
        return
    usage = known.usage
    tokens = usage.input_tokens + usage.output_tokens
    error = known.error
    output.fields(
        [
            ("run", known.job_id),
            (
                "crew",
                f"{known.crew_id}, version {known.version}" if known.version else known.crew_id,
            ),
            ("status", known.status),
            ("started", ago(known.created_at.isoformat())),
            ("took", duration(_seconds(known))),
            (
                "used",
                ", ".join(one for one in (f"{count(tokens)} tokens", money(usage.cost_usd)) if one),
            ),
            ("error", f"{error.code}: {error.message}" if error else None),
        ]
    )
    for number, task in enumerate(known.tasks, start=1):
        output.line()
        output.line(f"{number}. {task.status} ({task.task_id})")
        if task.output is not None:
            output.line(str(as_text(task.output)))
    for question in known.questions:
        output.line()
        output.line(f"? {question.kind} ({question.question_id}): {question.prompt}")


def as_text(value: Any) -> str:
    """Return an output as people read it."""
    from kasal_client.command.watching import result_text

    return result_text(value)


def stop(context: typer.Context, job: JobName, is_json: AsJson = False) -> None:
    """Stop a run."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        done = kasal.executions.run(job_id_of(kasal, job)).stop()
    if is_json:
        output.json(as_json(done))
    else:
        output.line(f"Stopped {done.job_id}.")


def retry(
    context: typer.Context,
    job: JobName,
    inputs: Inputs = None,
    is_detached: Annotated[bool, typer.Option("--detach", "-d", help="Only print its id.")] = False,
    watches: Watches = None,
    is_quiet: IsQuiet = False,
    keeps_waiting: KeepsWaiting = False,
    is_json: AsJson = False,
) -> None:
    """Go on with a failed or stopped run where it ended: what is done is kept.

    It is a fork without a place: `kasal runs fork` takes one.
    """
    fork(
        context,
        job,
        inputs=inputs,
        is_detached=is_detached,
        watches=watches,
        is_quiet=is_quiet,
        keeps_waiting=keeps_waiting,
        is_json=is_json,
    )


def fork(
    context: typer.Context,
    job: JobName,
    after: Annotated[int | None, typer.Option(help="Keep the events up to this number.")] = None,
    from_task: Annotated[
        str | None, typer.Option(help="Do this task anew, and what follows from it.")
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output", metavar="TASK=TEXT", help="Take this as what a task made; := for JSON."
        ),
    ] = None,
    inputs: Inputs = None,
    version: Annotated[
        int | None, typer.Option(help="Go on with this version of the crew.")
    ] = None,
    is_detached: Annotated[bool, typer.Option("--detach", "-d", help="Only print its id.")] = False,
    watches: Watches = None,
    is_quiet: IsQuiet = False,
    keeps_waiting: KeepsWaiting = False,
    is_json: AsJson = False,
) -> None:
    """Run again from somewhere in a run's history; what was done before is not done, or paid for, again."""
    link = link_of(context)
    output = Output(is_json=is_json)
    with link.session() as kasal:
        forked = kasal.executions.run(job_id_of(kasal, job)).fork(
            after_seq=after,
            from_task=from_task,
            inputs=inputs_of(kasal, inputs) or None,
            version=version,
            outputs=_outputs(outputs),
        )
        if is_detached:
            _tell(output, forked.id)
            return
        raise typer.Exit(watch(link, forked, Shown(output, watches, is_quiet, keeps_waiting)))


def _tell(output: Output, job_id: str) -> None:
    if output.is_json:
        output.json({"job_id": job_id})
    else:
        output.line(job_id)


def _outputs(given: list[str] | None) -> dict[str, Any] | None:
    outputs: dict[str, Any] = {}
    for text in given or []:
        name, _, value = text.partition("=")
        outputs[name.rstrip(":")] = json_of(value, name) if name.endswith(":") else value
    return outputs or None


def calls(
    context: typer.Context,
    job: JobName,
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="The call to show in full.")
    ] = None,
    is_json: AsJson = False,
) -> None:
    """List a run's calls to models and tools, or show one: what was sent, and what came back."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        run = kasal.executions.run(job_id_of(kasal, job))
        if number is not None:
            output.json(as_json(run.call(number)))
            return
        found = run.calls().to_list()
    if is_json:
        output.json(as_json(found))
        return
    output.rows(["N", "TYPE", "CALLED", "AGENT", "TOOK", "USED"], [_call_row(one) for one in found])


def _call_row(one: CallSummary) -> tuple[Any, ...]:
    usage = as_json(one.usage) or {}
    tokens = sum(int(usage.get(name) or 0) for name in ("input_tokens", "output_tokens"))
    used = f"{count(tokens)} tokens {money(usage.get('cost_usd'))}".strip() if tokens else ""
    return (one.n, one.type, one.name, one.agent, duration(one.duration), used)
