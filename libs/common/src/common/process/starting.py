"""A start that is refused for a reason its reader can act on: one line, not a trace."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CannotStart(Exception):  # noqa: N818 - it says what happened
    """A process must not go on as things are; the text is one plain line that says what to do."""


def refusal(app: object) -> str | None:
    """Return why `app` refused to start, if it did."""
    return getattr(getattr(app, "state", None), "refusal", None)


async def start_plainly(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the lifespan of `app`; where its start is refused, leave the line in its `state.refusal`.

    Whoever serves it ends with that line.
    """
    held: list[Message] = []

    async def holding(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":  # its text is a trace
            held.append(message)
        else:
            await send(message)

    try:
        await app(scope, receive, holding)
    except CannotStart as fault:
        if not held:  # it had started
            raise
        scope["app"].state.refusal = str(fault)
        await send({"type": "lifespan.startup.failed"})
    except BaseException:
        for message in held:
            await send(message)
        raise
