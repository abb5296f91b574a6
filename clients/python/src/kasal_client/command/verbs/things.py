"""`kasal models`, `kasal files` and `kasal memory`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kasal_client.command.exits import ExitCode
from kasal_client.command.faults import CommandError
from kasal_client.command.link import AsJson, link_of
from kasal_client.command.naming import crew_id_of
from kasal_client.command.options import CrewName
from kasal_client.command.output import Output, as_json
from kasal_client.command.when import ago, count, duration

if TYPE_CHECKING:
    from kasal_client import Kasal
    from kasal_client.models import FileAnswer, ModelEntry, TokenPrice

FileName = Annotated[
    str, typer.Argument(metavar="FILE", help="A file's id, or the name of the newest.")
]
Scope = Annotated[
    str | None, typer.Option(help="Whose memory: crew, workspace, or an input's name.")
]
Key = Annotated[str | None, typer.Option(help="The value of that input.")]


def list_models(
    context: typer.Context,
    provider: Annotated[str | None, typer.Option(help="Only models of this provider.")] = None,
    shows_all: Annotated[
        bool, typer.Option("--all", "-a", help="Also models of providers without a key.")
    ] = False,
    is_json: AsJson = False,
) -> None:
    """List the models that agents can be given, with prices in US dollars for a million tokens."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = kasal.models.list(provider)
    if is_json:
        output.json(as_json(found))
        return
    rows: list[tuple[Any, ...]] = []
    for one in found.providers:
        if one.key != "none" or shows_all or provider:
            rows += [(entry.model, one.provider, one.key, *_figures(entry)) for entry in one.models]
            if not one.models:
                rows.append((one.names, one.provider, one.key, "", "", ""))
    for endpoint in found.endpoints:
        key = "workspace" if endpoint.has_api_key else "none"
        rows.append((endpoint.names, endpoint.endpoint, key, "", *_prices(endpoint.price)))
    output.rows(["MODEL", "PROVIDER", "KEY", "CONTEXT", "IN", "OUT"], rows)
    missing = [one.provider for one in found.providers if one.key == "none"]
    if missing and output.is_terminal and not shows_all:
        output.note(f"Without a key: {', '.join(missing)} (--all lists their models).")


def _figures(entry: ModelEntry) -> tuple[Any, Any, Any]:
    context = count(entry.context_window) if entry.context_window else ""
    return (context, *_prices(entry.price))


def _prices(price: TokenPrice | None) -> tuple[Any, Any]:
    return ("", "") if price is None else (price.input, price.output)


def check_model(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="The model, as an agent names it.")],
    is_json: AsJson = False,
) -> None:
    """Ask a model one token, to see whether it answers."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = kasal.models.check(model)
    if is_json:
        output.json(as_json(found))
    elif found.ok:
        output.line(f"{found.model} answers ({found.provider}, {duration(found.seconds)}).")
    if not found.ok:
        if not is_json:
            output.note(f"Error: {found.model} does not answer: {found.code}")
            output.note(f"  {found.message}")
        raise typer.Exit(ExitCode.REFUSED)


def put_file(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files to upload.")],
    is_json: AsJson = False,
) -> None:
    """Upload files, and print their ids."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        made = [kasal.files.upload(path) for path in paths]
    if is_json:
        output.json(as_json(made))
        return
    for one in made:
        output.line(one.file_id)


def list_files(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option(help="upload or artifact.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many to list.")] = 50,
    is_json: AsJson = False,
) -> None:
    """List files, newest first."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = kasal.files.list(kind=kind).to_list(limit)
    if is_json:
        output.json(as_json(found))
        return
    output.rows(
        ["NAME", "BYTES", "TYPE", "KIND", "MADE", "ID"],
        [
            (one.name, count(one.size), one.media_type, one.kind, ago(_iso(one)), one.file_id)
            for one in found
        ],
        empty="There is no file yet. Upload one: kasal files put PATH",
    )


def get_file(
    context: typer.Context,
    file: FileName,
    to: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; - for the output.")
    ] = None,
) -> None:
    """Download a file into this folder, or to a path."""
    with link_of(context).session() as kasal:
        found = _file(kasal, file)
        if str(to) == "-":
            kasal.files.download(found.file_id, sys.stdout.buffer)
            return
        target = to or Path(Path(found.name).name)
        if to is None and target.exists():
            advice = f"Say where to write it: kasal files get {file} -o PATH"
            raise CommandError(f"{target} is there already.", advice)
        written = kasal.files.download(found.file_id, target)
    Output().line(f"Wrote {target} ({count(written)} bytes).")


def remove_file(context: typer.Context, file: FileName) -> None:
    """Delete a file."""
    with link_of(context).session() as kasal:
        found = _file(kasal, file)
        kasal.files.delete(found.file_id)
    Output().line(f"Deleted {found.name} ({found.file_id}).")


def _file(kasal: Kasal, name: str) -> FileAnswer:
    for one in kasal.files.list():
        if name in (one.file_id, one.name):
            return one
    raise CommandError(
        f"There is no file {name!r}.", "kasal files ls lists them.", ExitCode.REFUSED
    )


def _iso(one: FileAnswer) -> str:
    return one.created_at.isoformat()


def list_memory(
    context: typer.Context,
    crew: CrewName,
    scope: Scope = None,
    key: Key = None,
    is_json: AsJson = False,
) -> None:
    """Show what a crew remembers."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = kasal.memory.get(crew_id_of(kasal, crew), scope=scope, key=key)
    if is_json:
        output.json(as_json(found))
        return
    rows: list[tuple[Any, ...]] = [
        ("short_term", ago(one.timestamp), one.content) for one in found.short_term
    ]
    rows += [("long_term", one.category, text) for one in found.long_term for text in one.insights]
    output.rows(["KIND", "WHEN OR WHAT", "CONTENT"], rows, empty="It remembers nothing.")


def clear_memory(
    context: typer.Context,
    crew: CrewName,
    kind: Annotated[str, typer.Option("--type", help="short_term, long_term or all.")] = "all",
    scope: Scope = None,
    key: Key = None,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget what a crew remembers."""
    if not is_sure:
        if not sys.stdin.isatty():
            raise CommandError("Forgetting cannot be undone.", "Say that you mean it: --yes")
        typer.confirm(f"Forget {kind.replace('_', '-')} memory of {crew}?", abort=True, err=True)
    with link_of(context).session() as kasal:
        kasal.memory.clear(crew_id_of(kasal, crew), kind, scope=scope, key=key)
    Output().line("Forgotten.")
