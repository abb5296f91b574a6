"""Crews and their files: `kasal crews`, `apply`, `diff`, `export` and `import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kasal_client.command.link import AsJson, link_of
from kasal_client.command.naming import crew_id_of
from kasal_client.command.options import CrewName
from kasal_client.command.output import Output, as_json
from kasal_client.command.when import ago

if TYPE_CHECKING:
    from kasal_client import CrewHandle

CrewFile = Annotated[Path, typer.Argument(metavar="CREW.yaml", help="A file with a crew.")]
CrewId = Annotated[
    str | None, typer.Option("--crew", help="The crew to change, if the file has another name.")
]


def crews(context: typer.Context, is_json: AsJson = False) -> None:
    """List the crews, newest first."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = kasal.crews.list().to_list()
        if is_json:
            output.json(as_json(found))
            return
        output.rows(
            ["NAME", "STATUS", "VERSION", "TASKS", "CHANGED", "ID"],
            [
                (one.name, one.status, one.version, one.tasks_count, ago(one.updated_at), one.id)
                for one in found
            ],
            empty="There is no crew yet. Make one: kasal init, then kasal apply crew.yaml",
        )


def apply(
    context: typer.Context,
    file: CrewFile,
    crew: CrewId = None,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    is_json: AsJson = False,
) -> None:
    """Make the crew that a file describes, or change the one of its name to it.

    If nothing is different, nothing happens.
    """
    output = Output(is_json=is_json)
    if is_dry:
        show_changes(context, file, crew, output)
        return
    from kasal_client.command.files_of_crews import applying

    with link_of(context).session() as kasal, applying(file):
        handle = kasal.crews.apply(file, id=crew and crew_id_of(kasal, crew))
        show_handle(handle, output)


def diff(
    context: typer.Context,
    file: CrewFile,
    crew: CrewId = None,
    has_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 if something is different.")
    ] = False,
    is_json: AsJson = False,
) -> None:
    """Show what `kasal apply` would change."""
    is_different = show_changes(context, file, crew, Output(is_json=is_json))
    if has_code and is_different:
        raise typer.Exit(1)


def export(
    context: typer.Context,
    crew: CrewName,
    version: Annotated[
        int | None, typer.Option(help="A version of it; the newest by default.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write it to.")
    ] = None,
) -> None:
    """Write a crew as a YAML file."""
    with link_of(context).session() as kasal:
        text = kasal.crews.export(crew_id_of(kasal, crew), version=version)
    if to is None:
        Output().line(text.rstrip("\n"))
    else:
        to.write_text(text, "utf-8")
        Output().line(f"Wrote {to}.")


def show_changes(context: typer.Context, file: Path, crew: str | None, output: Output) -> bool:
    """Print what applying a file would change, and say whether that is anything."""
    from kasal_client.command.files_of_crews import applying, change_lines, current_content

    with link_of(context).session() as kasal, applying(file):
        crew_id = crew and crew_id_of(kasal, crew)
        answer = kasal.crews.preview(file, id=crew_id)
        patch: list[dict[str, Any]] | None = answer.changes
        is_different = patch is None or bool(patch)
        if output.is_json:
            output.json(as_json(answer))
            return is_different
        if patch is None:
            output.line(f"{answer.name} would be a new crew.")
        elif not patch:
            output.line(f"{answer.name} is already as the file says.")
        else:
            output.line(f"{answer.name}:")
            for line in change_lines(patch, current_content(kasal, crew_id, answer.name)):
                output.line(line)
    show_lacks(answer, output)
    return is_different


def show_handle(handle: CrewHandle, output: Output) -> None:
    """Print what was made or changed."""
    if output.is_json:
        output.json(
            {
                "id": handle.id,
                "name": handle.name,
                "status": handle.status,
                "version": handle.version,
                "is_new": handle.is_new,
                "is_changed": handle.is_changed,
                "missing": as_json(handle.missing),
                "warnings": as_json(handle.warnings),
            }
        )
        return
    done = "Made" if handle.is_new else "Changed" if handle.is_changed else "Nothing to change in"
    version = f", version {handle.version}" if handle.version else ""
    output.line(f"{done} {handle.name} ({handle.id}{version}).")
    show_lacks(handle, output)


def show_lacks(told: Any, output: Output) -> None:
    """Print what was not understood, and what a crew needs to run."""
    for warning in told.warnings:
        output.note(f"! {warning.path}: {warning.reason}")
    for lack in told.missing:
        output.note(f"! It cannot run yet: {lack.reason}")
