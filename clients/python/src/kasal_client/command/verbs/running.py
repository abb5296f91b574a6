"""`kasal run`: start a crew, and watch it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kasal_client.command.exits import ExitCode
from kasal_client.command.link import AsJson, Link, link_of
from kasal_client.command.naming import crew_id_of
from kasal_client.command.options import CrewName, Inputs, inputs_of
from kasal_client.command.output import Output

if TYPE_CHECKING:
    from kasal_client import Kasal, Run

Watches = Annotated[
    bool | None,
    typer.Option(
        "--watch/--lines", help="Draw a live view, or print lines. [default: what the output is]"
    ),
]
IsQuiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
KeepsWaiting = Annotated[
    bool, typer.Option("--wait", help="Keep watching while the run waits for a person elsewhere.")
]


def run(
    context: typer.Context,
    crew: CrewName,
    inputs: Inputs = None,
    version: Annotated[int | None, typer.Option(help="A version of the crew.")] = None,
    watches: Watches = None,
    is_detached: Annotated[
        bool, typer.Option("--detach", "-d", help="Start it, print its id, and leave it alone.")
    ] = False,
    is_quiet: IsQuiet = False,
    keeps_waiting: KeepsWaiting = False,
    is_json: AsJson = False,
) -> None:
    """Start a crew, and watch it to its end.

    On a terminal it is drawn live, and its questions are answered there. Elsewhere each event is a line, with
    `--json` an event of the API. The exit code says how the run ended. CREW may also be a file, which is applied first.
    """
    output = Output(is_json=is_json)
    link = link_of(context)
    with link.session() as kasal:
        started = kasal.executions.start(
            _crew(kasal, crew, output), inputs_of(kasal, inputs), version=version
        )
        if is_detached:
            if is_json:
                output.json({"job_id": started.id, "status": started.status()})
            else:
                output.line(started.id)
            return
        shown = Shown(output, watches, is_quiet, keeps_waiting)
        raise typer.Exit(watch(link, started, shown))


class Shown:
    """How a run is shown."""

    def __init__(
        self, output: Output, watches: bool | None, is_quiet: bool, keeps_waiting: bool
    ) -> None:
        self.output = output
        self.is_quiet = is_quiet
        self.keeps_waiting = keeps_waiting
        from kasal_client.command.keyboard import Keyboard

        can_draw = (
            output.is_terminal and Keyboard.is_possible() and not output.is_json and not is_quiet
        )
        self.is_live = can_draw and watches is not False


def watch(link: Link, run: Run, shown: Shown) -> ExitCode:
    """Watch a run to its end, and return how it ended. Ctrl-C leaves it."""
    if shown.is_live:
        import asyncio

        from kasal_client.command.live import watch_live

        drawn = watch_live(link.client(), run.id, shown.output, keeps_waiting=shown.keeps_waiting)
        return asyncio.run(drawn)
    from kasal_client.command.interrupts import repeated_interrupts
    from kasal_client.command.watching import watch_lines

    try:
        with repeated_interrupts():
            return watch_lines(
                run, shown.output, is_quiet=shown.is_quiet, keeps_waiting=shown.keeps_waiting
            )
    except KeyboardInterrupt:
        shown.output.note(f"The run goes on: kasal runs watch {run.id}")
        shown.output.note(f"  Stop it: kasal runs stop {run.id}")
        return ExitCode.INTERRUPTED


def _crew(kasal: Kasal, name: str, output: Output) -> str:
    path = Path(name)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return crew_id_of(kasal, name)
    from kasal_client.command.files_of_crews import applying

    with applying(path):
        made = kasal.crews.apply(path)
    if made.is_changed:
        output.note(f"{'Made' if made.is_new else 'Changed'} {made.name} ({made.id}).")
    return made.id
