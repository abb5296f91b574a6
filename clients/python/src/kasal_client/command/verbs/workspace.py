"""`kasal keys`, `kasal members` and `kasal usage`: the workspace and what it uses."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kasal_client.command.exits import ExitCode
from kasal_client.command.faults import CommandError
from kasal_client.command.link import AsJson, link_of
from kasal_client.command.output import Output, as_json
from kasal_client.command.when import ago, count, duration, money

if TYPE_CHECKING:
    from kasal_client import Kasal


class Role(StrEnum):
    """What a member or a key may do."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"


class Grouping(StrEnum):
    """What usage is added up by."""

    CREW = "crew"
    MODEL = "model"
    DAY = "day"
    MONTH = "month"
    JOB = "job"


RoleOption = Annotated[Role | None, typer.Option(help="What it may do. [default: editor]")]


def list_keys(context: typer.Context, is_json: AsJson = False) -> None:
    """List the API keys, without their secrets."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = kasal.api_keys.list().to_list()
    if is_json:
        output.json(as_json(found))
        return
    rows = [
        (one.name, one.role, one.hint, ago(one.created_at.isoformat()), one.id) for one in found
    ]
    output.rows(["NAME", "ROLE", "KEY", "MADE", "ID"], rows, empty="There is no API key.")


def create_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: RoleOption = None,
    is_json: AsJson = False,
) -> None:
    """Make an API key, and print its secret, which is never shown again."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        made = kasal.api_keys.create(name, role=role)
    if is_json:
        output.json(as_json(made))
        return
    output.line(made.key)
    output.note(f"Made the key {made.name} ({made.id}). It is not shown again.")


def remove_key(
    context: typer.Context, key: Annotated[str, typer.Argument(help="The key's id or name.")]
) -> None:
    """Revoke an API key at once."""
    with link_of(context).session() as kasal:
        found = [one for one in kasal.api_keys.list() if key in (one.id, one.name)]
        if len(found) != 1:
            what = f"There is no key {key!r}." if not found else f"Several keys are called {key!r}."
            raise CommandError(what, "kasal keys ls shows their ids.", ExitCode.REFUSED)
        kasal.api_keys.delete(found[0].id)
    Output().line(f"Revoked {found[0].name}.")


def list_members(context: typer.Context, is_json: AsJson = False) -> None:
    """List the members, and the invitations that wait."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        members = kasal.workspace.members().to_list()
        invitations = kasal.workspace.invitations().to_list()
    if is_json:
        output.json({"members": as_json(members), "invitations": as_json(invitations)})
        return
    rows: list[tuple[Any, ...]] = [(one.email, one.name, one.role, "", one.id) for one in members]
    rows += [(one.email, one.name, one.role, "invited", one.id) for one in invitations]
    output.rows(["E-MAIL", "NAME", "ROLE", "", "ID"], rows)


def invite(
    context: typer.Context,
    email: Annotated[str, typer.Argument(help="Whom to invite.")],
    role: RoleOption = None,
    is_json: AsJson = False,
) -> None:
    """Invite somebody to the workspace."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        made = kasal.workspace.invite(email, role=role)
    if is_json:
        output.json(as_json(made))
        return
    output.line(f"Invited {made.email} as {made.role}.")
    if made.token:
        output.line(f"Give them this token, as no e-mail was sent: {made.token}")


def change_role(
    context: typer.Context,
    member: Annotated[str, typer.Argument(help="The member's e-mail address or id.")],
    role: Annotated[Role, typer.Argument(help="What they may do from now on.")],
) -> None:
    """Change what a member may do."""
    with link_of(context).session() as kasal:
        changed = kasal.workspace.update_member(_member_id(kasal, member), role)
    Output().line(f"{changed.email} is {changed.role} now.")


def remove_member(
    context: typer.Context,
    member: Annotated[str, typer.Argument(help="The e-mail address or id; also of an invitation.")],
) -> None:
    """Remove a member, or withdraw an invitation."""
    with link_of(context).session() as kasal:
        for one in kasal.workspace.invitations():
            if member in (one.id, one.email):
                kasal.workspace.withdraw_invitation(one.id)
                Output().line(f"Withdrew the invitation of {one.email}.")
                return
        kasal.workspace.remove_member(_member_id(kasal, member))
    Output().line(f"Removed {member}.")


def _member_id(kasal: Kasal, name: str) -> str:
    for one in kasal.workspace.members():
        if name in (one.id, one.email):
            return one.id
    raise CommandError(
        f"There is no member {name!r}.", "kasal members ls lists them.", ExitCode.REFUSED
    )


def usage(
    context: typer.Context,
    by: Annotated[Grouping | None, typer.Option(help="Add up by this.")] = None,
    period: Annotated[
        str | None, typer.Option(help="A month, such as 2026-11. [default: this]")
    ] = None,
    since: Annotated[str | None, typer.Option(help="The first day, such as 2026-11-01.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day.")] = None,
    is_json: AsJson = False,
) -> None:
    """Show what was used of models, and what it cost."""
    output = Output(is_json=is_json)
    with link_of(context).session() as kasal:
        found = kasal.analytics.usage(period, group_by=by, since=since, until=until)
        named = {one.id: one.name for one in kasal.crews.list()} if by == Grouping.CREW else {}
    if is_json:
        output.json(as_json(found))
        return
    if by is not None:
        rows = [_usage_row(as_json(one), by, named) for one in found.rows or []]
        head = [by.upper(), "RUNS", "TOKENS", "COST"]
        output.rows(head, rows, empty=f"Nothing was used in {found.period}.")
        return
    output.fields(
        [
            ("period", found.period),
            ("runs", f"{count(found.executions)}, {found.success_rate:.0%} of them complete"),
            ("took", f"{duration(found.avg_duration)} on average"),
            ("tokens", count(found.tokens_used)),
            ("cost", money(found.cost_usd)),
            (
                "unpriced",
                f"{count(found.unpriced_tokens)} tokens" if found.unpriced_tokens else None,
            ),
        ]
    )


def _usage_row(row: dict[str, Any], by: Grouping, names: dict[str, str]) -> tuple[Any, ...]:
    key = row.get({"crew": "crew_id", "job": "job_id"}.get(by, by))
    shown = names.get(str(key), key)
    return (
        shown,
        row.get("executions"),
        count(int(row.get("tokens") or 0)),
        money(row.get("cost_usd")),
    )
