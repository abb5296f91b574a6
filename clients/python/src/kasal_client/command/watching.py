"""A run that is watched without a keyboard: its record as lines, or its events as JSON, up to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cleaning import compact, one_line
from .exits import OF_STATUS, ExitCode
from .output import Output, as_json
from .record import record_lines
from .run_view import Json, RunView

if TYPE_CHECKING:
    from kasal_client import Run

_MAY_WAIT = ("input_required", "execution_waiting")


def watch_lines(
    run: Run, output: Output, *, is_quiet: bool = False, keeps_waiting: bool = False
) -> ExitCode:
    """Print what happens, line by line, then the result; return how the run ended.

    It ends early, with `WAITING`, when nothing goes on before a person answers, unless `keeps_waiting`.
    """
    view = RunView(run.id)
    with run.events() as events:
        for event in events:
            told = as_json(event)
            view.apply(told)
            if output.is_json:
                output.json_line(told)
            elif not is_quiet:
                for line in record_lines(told, view):
                    output.line(line.text)
                _flush()
            if told.get("type") in _MAY_WAIT and not keeps_waiting and is_waiting(run, view):
                note_waiting(output, view)
                return ExitCode.WAITING
    return finish(output, view, is_quiet=is_quiet)


def is_waiting(run: Run, view: RunView) -> bool:
    """Say whether the run waits for a person now; an event may tell of what was long ago."""
    known = run.get()
    return known.status == "waiting_for_input" and known.last_seq <= view.seq


def note_waiting(output: Output, view: RunView) -> None:
    """Tell how to answer what a run waits for."""
    questions = list(view.questions.values())
    output.note(f"{view.job_id} waits for a person.")
    output.note(f"  {_answering(questions, view.job_id)}")


def finish(output: Output, view: RunView, *, is_quiet: bool = False) -> ExitCode:
    """Print the result, or why there is none; return how the run ended."""
    last = view.last or {}
    code = OF_STATUS.get(view.status, ExitCode.FAILED)
    if code == ExitCode.COMPLETE and not output.is_json:
        if not is_quiet:
            output.line()
        output.line(result_text(last.get("result")))
    if code == ExitCode.FAILED:
        failure = f"The run failed with {last.get('code')}: {last.get('message')}"
        output.note(f"Error: {one_line(failure, 600)}")
        output.note(
            f"  See why: kasal runs calls {view.job_id}; go on from there: kasal runs fork {view.job_id}"
        )
    _flush()
    return code


def result_text(result: Any) -> str:
    """Return a result as people read it: JSON in several lines."""
    from .cleaning import json_text

    return result if isinstance(result, str) else json_text(result, indent=2)


def _answering(questions: list[Json], job_id: str) -> str:
    kinds = {question.get("kind") for question in questions}
    which = "" if len(questions) < 2 else " --question ID (kasal inbox shows the ids)"
    if kinds <= {"approval", "review"}:
        return f"Answer: kasal approve {job_id}{which}, or kasal reject {job_id}{which}"
    asked = next((one for one in questions if one.get("choices")), {})
    example = compact((asked.get("choices") or ["TEXT"])[0])
    return f"Answer: kasal answer {job_id} {example!r}{which}"


def _flush() -> None:
    import sys

    sys.stdout.flush()
