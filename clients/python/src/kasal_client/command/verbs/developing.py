"""`kasal dev`: apply a crew file and run it, again on each save."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kasal_client.command.link import link_of
from kasal_client.command.options import Inputs
from kasal_client.command.verbs.running import Watches

TOOLS_PORT = 9000


def dev(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="CREW.yaml", help="A file with a crew.", exists=True, dir_okay=False
        ),
    ],
    inputs: Inputs = None,
    tools: Annotated[
        Path | None,
        typer.Option(
            help="A file with tools of yours: it is served to the crew.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    tools_port: Annotated[int, typer.Option(help="Where its tools are served.")] = TOOLS_PORT,
    watches: Watches = None,
) -> None:
    """Apply a crew file, run the crew and watch it; again on each save, until Ctrl-C.

    A platform that answers is used; otherwise one is started here, and ended afterwards. A save while a run goes on
    stops that run.
    """
    from kasal_client.command.development import develop

    develop(link_of(context), file, inputs, tools, tools_port, watches)
