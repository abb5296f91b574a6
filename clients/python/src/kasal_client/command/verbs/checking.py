"""`kasal doctor`: what may be wrong between here and a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import typer

from kasal_client.command.exits import ExitCode
from kasal_client.command.link import AsJson, Link, link_of
from kasal_client.command.output import Output

if TYPE_CHECKING:
    import httpx2

API = "1"
"""The version of the API that this command speaks."""
SKEW = 30.0
"""Seconds by which clocks may differ before it is said."""
_WAIT = 5.0


@dataclass(frozen=True)
class Check:
    """Something that was looked at."""

    name: str
    ok: bool
    found: str
    advice: str = ""
    code: ExitCode = ExitCode.COMPLETE
    """How the command ends if it is not all right."""


def doctor(context: typer.Context, is_json: AsJson = False) -> None:
    """Check the way to the platform: address, readiness, clock, version, login, models."""
    output = Output(is_json=is_json)
    checks = []
    for check in _checks(link_of(context)):
        checks.append(check)
        if not is_json:
            output.line(f"{'✔' if check.ok else '✘'} {check.name}: {check.found}")
            if check.advice:
                output.line(f"    {check.advice}")
    if is_json:
        output.json([{k: v for k, v in asdict(one).items() if k != "code"} for one in checks])
    worst = next((check.code for check in checks if not check.ok), ExitCode.COMPLETE)
    raise typer.Exit(worst)


def _checks(link: Link) -> Iterator[Check]:
    import httpx2

    root = link.address().rstrip("/").removesuffix("/v1").removesuffix("/api")
    try:
        with httpx2.Client(base_url=root, timeout=_WAIT) as http:
            ready = http.get("/readyz")
            yield Check("address", True, root)
            yield _readiness(ready)
            yield _clock(ready)
            yield _version(http.get("/openapi.json"))
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as fault:
        advice = "Start it (make run, or kasal dev crew.yaml), or name another: --url, KASAL_URL."
        found = f"{root} does not answer ({fault or type(fault).__name__})"
        yield Check("address", False, found, advice, ExitCode.UNREACHABLE)
        return
    yield from _caller(link)


def _readiness(answer: httpx2.Response) -> Check:
    try:
        checks: dict[str, Any] = answer.json()["checks"]
    except (ValueError, KeyError, TypeError):
        advice = "Is this a Kasal platform?"
        found = f"/readyz answers {answer.status_code}"
        return Check("ready", False, found, advice, ExitCode.UNREACHABLE)
    away = [name for name, state in checks.items() if state != "ok"]
    if away:
        advice = "The platform's log says why."
        return Check("ready", False, f"away: {', '.join(away)}", advice, ExitCode.UNREACHABLE)
    return Check("ready", True, ", ".join(checks))


def _clock(answer: httpx2.Response) -> Check:
    from email.utils import parsedate_to_datetime

    sent = answer.headers.get("date")
    if not sent:
        return Check("clock", True, "the platform does not tell its time")
    skew = time.time() - parsedate_to_datetime(sent).timestamp()
    if abs(skew) > SKEW:
        advice = "Set the clock: logins and time limits depend on it."
        found = f"this machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        return Check("clock", False, found, advice, ExitCode.REFUSED)
    return Check("clock", True, "the same here and there")


def _version(answer: httpx2.Response) -> Check:
    from kasal_client.addresses import version

    found = str(answer.json().get("info", {}).get("version"))
    told = f"API {found}, kasal {version()}"
    if found != API:
        return Check(
            "version", False, told, f"This command speaks API {API}: update it.", ExitCode.REFUSED
        )
    return Check("version", True, told)


def _caller(link: Link) -> Iterator[Check]:
    from kasal_client.command.faults import fault_of
    from kasal_client.errors import KasalError

    try:
        with link.session() as kasal:
            me = kasal.auth.me()
            yield Check("login", True, f"{me.email or me.name}, {me.role} of {me.workspace.name}")
            found = kasal.models.list()
    except KasalError as error:
        fault = fault_of(error)
        yield Check("login", False, fault.what, fault.advice, fault.code)
        return
    keyed = [one.provider for one in found.providers if one.key in ("workspace", "operator")]
    keyed += [one.endpoint for one in found.endpoints]
    advice = (
        ""
        if keyed
        else "Only the offline model answers; set OPENAI_API_KEY or the like where the platform runs."
    )
    yield Check("models", True, ", ".join(keyed) or "no provider has a key", advice)
