"""The commands and their groups, as Typer knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .exits import ExitCode
from .link import Link
from .verbs import (
    accounts,
    checking,
    crews,
    developing,
    projects,
    questions,
    running,
    runs,
    things,
    tools,
    workspace,
)

Verb = Callable[..., None]
Verbs = dict[str, Verb]


class _Commands(TyperGroup):
    """A group that ends quietly when its reader has gone."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit(ExitCode.CLOSED_PIPE) from None


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from kasal_client.addresses import version

        typer.echo(f"kasal {version()}")
        raise typer.Exit


def _begin(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(envvar="KASAL_URL", help="Where the platform is.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="The login to use, by its name. [env: KASAL_PROFILE]")
    ] = None,
    is_verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show ids of requests in errors.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - it is printed by its callback
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Run crews of AI agents: describe them in a file, run them, watch them, answer their questions.

    Begin with `kasal login` and `kasal init`. Every command that shows data takes `--json`.
    """
    context.obj = Link(url, profile, is_verbose)


def build() -> typer.Typer:
    """Return the whole command."""
    app = typer.Typer(
        name="kasal",
        cls=_Commands,
        callback=_begin,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=_HELP,
    )
    for panel, verbs in _PANELS.items():
        for name, verb in verbs.items():
            if isinstance(verb, dict):
                app.add_typer(_group(name, verb), rich_help_panel=panel)
            else:
                app.command(name, rich_help_panel=panel)(verb)
    return app


def _group(name: str, verbs: Verbs) -> typer.Typer:
    group = typer.Typer(name=name, help=_GROUPS[name], no_args_is_help=True, context_settings=_HELP)
    for verb, does in verbs.items():
        group.command(verb)(does)
    return group


_HELP = {"help_option_names": ["-h", "--help"]}
_GROUPS = {
    "runs": "Look at runs, watch them, stop them, run them again.",
    "import": "Make crews of other projects.",
    "tools": "What agents can call, and your own functions served to them.",
    "models": "The models that agents can be given.",
    "files": "Files that runs read, and files that they have made.",
    "memory": "What crews remember.",
    "keys": "API keys of the workspace.",
    "members": "The people of the workspace.",
}
_PANELS: dict[str, dict[str, Verb | Verbs]] = {
    "Runs": {
        "run": running.run,
        "runs": {
            "ls": runs.ls,
            "watch": runs.watch_run,
            "show": runs.show,
            "stop": runs.stop,
            "retry": runs.retry,
            "fork": runs.fork,
            "calls": runs.calls,
        },
        "inbox": questions.inbox,
        "approve": questions.approve,
        "reject": questions.reject,
        "answer": questions.answer,
    },
    "Crews": {
        "init": projects.init,
        "dev": developing.dev,
        "crews": crews.crews,
        "apply": crews.apply,
        "diff": crews.diff,
        "export": crews.export,
        "import": {"crewai": projects.import_crewai},
        "memory": {"ls": things.list_memory, "clear": things.clear_memory},
    },
    "Workspace": {
        "tools": {
            "ls": tools.ls,
            "serve": tools.serve,
            "add-mcp": tools.add_mcp,
            "refresh": tools.refresh,
            "rm": tools.remove,
        },
        "models": {"ls": things.list_models, "check": things.check_model},
        "files": {
            "ls": things.list_files,
            "put": things.put_file,
            "get": things.get_file,
            "rm": things.remove_file,
        },
        "usage": workspace.usage,
        "keys": {
            "ls": workspace.list_keys,
            "create": workspace.create_key,
            "rm": workspace.remove_key,
        },
        "members": {
            "ls": workspace.list_members,
            "invite": workspace.invite,
            "role": workspace.change_role,
            "rm": workspace.remove_member,
        },
    },
    "Account": {
        "login": accounts.login,
        "logout": accounts.logout,
        "whoami": accounts.whoami,
        "doctor": checking.doctor,
        "completion": projects.completion,
    },
}
