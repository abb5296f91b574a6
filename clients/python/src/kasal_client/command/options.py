"""Arguments that several commands take, with what shells complete them to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .completing import complete_crews, complete_jobs
from .faults import CommandError

if TYPE_CHECKING:
    from kasal_client import Kasal

CrewName = Annotated[
    str,
    typer.Argument(metavar="CREW", help="A crew's name or id.", autocompletion=complete_crews),
]
JobName = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        help="A run's id, the beginning or the end of one, or `last`.",
        autocompletion=complete_jobs,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=VALUE",
        help="An input: NAME=text, NAME:=JSON, NAME=@FILE to upload a file; @FILE.json has several.",
    ),
]


def inputs_of(kasal: Kasal, given: list[str] | None) -> dict[str, Any]:
    """Return the inputs that options name; files are uploaded. Raises `CommandError` and OSError."""
    inputs: dict[str, Any] = {}
    for text in given or []:
        if text.startswith("@"):
            inputs |= _from_file(Path(text[1:]))
            continue
        name, is_given, value = text.partition("=")
        if not is_given or not name.strip(":"):
            raise CommandError(
                f"{text!r} is no input.", "Write it like -i topic=tea, or -i @inputs.json."
            )
        if name.endswith(":"):
            inputs[name[:-1]] = json_of(value, name[:-1])
        elif value.startswith("@"):
            inputs[name] = {"file": kasal.files.upload(Path(value[1:])).file_id}
        else:
            inputs[name] = value
    return inputs


def json_of(text: str, what: str) -> Any:
    """Return the value that `text` is in JSON. Raises `CommandError`."""
    try:
        return json.loads(text)
    except ValueError as fault:
        advice = 'Texts need quotes in JSON: "tea". In a shell: \'{"city": "Leeds"}\''
        raise CommandError(f"{what}: {text!r} is no JSON ({fault}).", advice) from None


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as fault:
        raise CommandError(f"{path} is no UTF-8 text ({fault}).", "Save it as UTF-8.") from None
    content = json_of(text, str(path))
    if not isinstance(content, dict):
        raise CommandError(f"{path} holds no JSON object.", 'Write it like {"topic": "tea"}.')
    return content
