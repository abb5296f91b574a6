"""What a page must not do unnoticed: log an error, throw, break its content security policy."""

import re

from playwright.async_api import BrowserContext, ConsoleMessage, Error, WebError

_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.effectiveDirective} refused ${event.blockedURI || event.sample}`));
"""


class Faults:
    """The faults of all pages of a context."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    async def watch(self, context: BrowserContext) -> None:
        await context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._add_message)
        context.on("weberror", self._add_error)

    def expect(self, pattern: str) -> None:
        """Let what matches `pattern` pass. A refused request (`401`) is an error in the browser's log, too."""
        self._expected.append(re.compile(pattern))

    def check(self) -> None:
        """Fail if there was a fault."""
        left = [one for one in self._found if not any(e.search(one) for e in self._expected)]
        assert left == [], "\n".join(left)

    def _add_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._found.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _add_error(self, error: WebError) -> None:
        fault: Error = error.error
        self._found.append(f"thrown: {fault.stack or fault.message}")
