"""A refused start, for a reason that the operator can fix: one line instead of a traceback."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CannotStart(Exception):  # noqa: N818 - it says what happened
    """The process must not start; the text is one plain line that says what to do."""


def refusal(app: object) -> str | None:
    """Return why `app` refused to start, if it did."""
    return getattr(getattr(app, "state", None), "refusal", None)


async def start_plainly(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the lifespan of `app`; if its start is refused, put the line into its `state.refusal`.

    The server then exits with that line.
    """
    held: list[Message] = []

    async def holding(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":  # its text is a traceback
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
