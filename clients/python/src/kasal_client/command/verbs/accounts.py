"""`kasal login`, `logout` and `whoami`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kasal_client.command.faults import CommandError
from kasal_client.command.link import AsJson, Link, link_of
from kasal_client.command.output import Output, as_json

if TYPE_CHECKING:
    from kasal_client.models import Me

Url = Annotated[
    str | None, typer.Option(help="Where the platform is. [default: http://localhost:8000]")
]


def login(
    context: typer.Context,
    url: Url = None,
    email: Annotated[str | None, typer.Option(help="Your e-mail address.")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="KASAL_PASSWORD", help="Asked for if it is not given.")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="An API key, in place of e-mail and password.")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(help="Id of the workspace to enter, if you have several.")
    ] = None,
) -> None:
    """Log in, and keep that for further commands.

    The session or the API key is kept in a file that only you can read; the password is not kept.
    """
    from kasal_client import Kasal

    link = link_of(context)
    if not api_key:
        email = email or _ask("E-mail", "--email")
        password = password or _ask("Password", "--password", is_secret=True)
    with Kasal.login(
        url or link.url,
        email=email,
        password=password,
        api_key=api_key,
        workspace=workspace,
        profile=link.profile,
    ) as kasal:
        me = kasal.auth.me()
        Output().line(
            f"Logged in to {kasal.url} as {_name(me)} ({me.role} of {me.workspace.name})."
        )


def logout(context: typer.Context) -> None:
    """End the session, and forget it here."""
    from kasal_client.errors import KasalError
    from kasal_client.profile import profile_path, remove_profile

    link = link_of(context)
    kept = link.profile_data()
    output = Output()
    if kept is None:
        output.line("Nobody is logged in.")
        return
    if not kept.api_key:
        try:
            with Link(profile=link.profile or _default_profile()).session() as kasal:
                kasal.auth.logout()
        except KasalError as fault:
            output.note(f"The session could not be ended there ({fault}); it is forgotten here.")
    remove_profile(profile_path(link.profile))
    output.line(f"Logged out of {kept.url}.")


def whoami(context: typer.Context, is_json: AsJson = False) -> None:
    """Show who is logged in, where, and with which role."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        me = kasal.auth.me()
        if is_json:
            output.json(as_json(me))
            return
        output.fields(
            [
                ("user", _name(me)),
                ("role", me.role),
                ("workspace", f"{me.workspace.name} ({me.workspace.id})"),
                ("platform", kasal.url),
            ]
        )


def _default_profile() -> str:
    import os

    return os.environ.get("KASAL_PROFILE") or "default"


def _name(me: Me) -> str:
    return me.email or me.name or me.id


def _ask(what: str, option: str, *, is_secret: bool = False) -> str:
    if not sys.stdin.isatty():
        raise CommandError(f"{what} is missing.", f"Give it with {option}, or give --api-key.")
    answer: str = typer.prompt(what, hide_input=is_secret, err=True)
    return answer
