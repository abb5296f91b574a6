"""`kasal init`, `import` and `completion`: what one does once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kasal_client.command.faults import CommandError
from kasal_client.command.link import AsJson, link_of
from kasal_client.command.naming import crew_id_of
from kasal_client.command.output import Output, as_json
from kasal_client.command.verbs.crews import show_handle, show_lacks

_STARTER = {"crew.yaml": "crew.yaml", "tools.py.txt": "tools.py", "README.md": "README.md"}


class Shell(StrEnum):
    """Shells whose completion there is."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def init(
    folder: Annotated[
        Path, typer.Argument(help="Where to write; it is made if it is not there.")
    ] = Path(),
) -> None:
    """Write a crew to begin with: crew.yaml, tools.py and a README. Nothing is overwritten."""
    from importlib.resources import files

    folder.mkdir(parents=True, exist_ok=True)
    output = Output()
    there = [name for name in _STARTER.values() if (folder / name).exists()]
    if "crew.yaml" in there:
        raise CommandError(
            f"{folder / 'crew.yaml'} is there already.", "Name another folder: kasal init NAME"
        )
    templates = files("kasal_client.command") / "starter"
    for template, name in _STARTER.items():
        if name in there:
            output.note(f"Left {folder / name} as it is.")
            continue
        (folder / name).write_text((templates / template).read_text("utf-8"), "utf-8")
        output.line(f"Wrote {folder / name}")
    output.line(f"Try it: kasal dev {folder / 'crew.yaml'} -i topic=tea")


def import_crewai(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A CrewAI project.")],
    name: Annotated[
        str | None, typer.Option(help="The crew's name. [default: the folder's]")
    ] = None,
    crew: Annotated[str | None, typer.Option("--crew", help="Apply it to this crew.")] = None,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would be made.")] = False,
    is_json: AsJson = False,
) -> None:
    """Make a crew of a CrewAI project: its YAML files are read, no code.

    What has no counterpart here is listed, with what to do instead.
    """
    from kasal_client.projects import read_project

    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        crew_id = crew and crew_id_of(kasal, crew)
        if not is_dry:
            show_handle(kasal.crews.from_crewai(folder, name=name, crew_id=crew_id), output)
            return
        project = read_project(folder)
        answer = kasal.crews.import_files(
            project.files, name=name or project.name, crew_id=crew_id, dry_run=True
        )
    if is_json:
        output.json(as_json(answer))
        return
    content = answer.crew
    counted = (
        f" with {len(content.agents)} agents and {len(content.tasks)} tasks" if content else ""
    )
    output.line(f"{answer.name} would be a crew{counted}.")
    show_lacks(answer, output)


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that completes.")] = Shell.BASH,
) -> None:
    """Print the script that has a shell complete commands, crews and runs.

    For bash: `kasal completion bash > ~/.local/share/bash-completion/completions/kasal`
    """
    from typer._completion_shared import get_completion_script

    Output().line(
        get_completion_script(prog_name="kasal", complete_var="_KASAL_COMPLETE", shell=shell.value)
    )
