"""The commands and their groups, as Typer knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .exits import ExitCode
from .link import Link
from .verbs import accounts, crews, running


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
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for panel, verbs in _PANELS.items():
        for verb in verbs:
            app.command(rich_help_panel=panel)(verb)
    return app


_PANELS: dict[str, list[Callable[..., None]]] = {
    "Runs": [running.run],
    "Crews": [crews.crews, crews.apply, crews.diff, crews.export],
    "Account": [accounts.login, accounts.logout, accounts.whoami],
}
