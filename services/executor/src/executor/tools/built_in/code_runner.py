"""Runs Python that a model wrote, in the sandbox that the operator names (`KASAL_CODE_RUNNER`), else not at all.

The command gets the code on its standard input and is ended, with its process group, when its time is up or the
call is cancelled. What the code can reach, and what leaves the group, is the sandbox's business.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from common.contracts.tools import ToolDeclaration
from executor.tools.built_in_tool import BuiltInTool, parameters
from executor.tools.call import Call
from executor.tools.tool import ToolFault

_PATIENCE = 60.0
_AT_ONCE = 8
_OUTPUT = 1_000_000
_CHUNK = 65_536
_GUARD = "setpriv"
"""Of util-linux: it has the kernel end the command if the worker is killed."""


class CodeRunner:
    """Runs code by one command, a few at once."""

    def __init__(self, command: Sequence[str], patience: float = _PATIENCE) -> None:
        guard = shutil.which(_GUARD)
        self._command = [guard, "--pdeathsig", "KILL", "--", *command] if guard else [*command]
        self._patience = patience
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self, arguments: Mapping[str, Any], _call: Call) -> str:
        """Return what `code` printed. Raises `ToolFault` if it failed or took too long."""
        code = str(arguments["code"]).encode()
        async with self._places:
            try:
                async with asyncio.timeout(self._patience):
                    status, output = await self._run(code)
            except TimeoutError:
                raise ToolFault(f"the code took longer than {self._patience:g} s.") from None
        text = output.decode("utf-8", "replace")
        if status != 0:
            raise ToolFault(f"the code ended with status {status}: {text[-5_000:]}")
        return text if text.strip() else "The code printed nothing."

    async def _run(self, code: bytes) -> tuple[int, bytes]:
        with tempfile.TemporaryDirectory(
            prefix="kasal-code-", ignore_cleanup_errors=True
        ) as folder:
            process = await self._start(folder)
            try:
                _, output = await asyncio.gather(_give(process, code), _take(process))
                return await process.wait(), output
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()

    async def _start(self, folder: str) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        except OSError as fault:
            raise ToolFault(
                f"the sandbox {self._command[0]} cannot be started ({fault.strerror}); the operator names it by KASAL_CODE_RUNNER."
            ) from None


async def _give(process: asyncio.subprocess.Process, code: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended without reading
        process.stdin.write(code)
        await process.stdin.drain()
    process.stdin.close()


async def _take(process: asyncio.subprocess.Process) -> bytes:
    """Return the beginning of the output; read the rest too, so that the code does not wait for us."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    kept = bytearray()
    while part := await process.stdout.read(_CHUNK):
        kept += part[: _OUTPUT - len(kept)]
    return bytes(kept)


TOOL = BuiltInTool(
    ToolDeclaration(
        "code_runner",
        "Run Python code in a sandbox and return what it prints",
        "data",
        parameters(
            "code",
            code={
                "type": "string",
                "description": "The whole program; print what you want to know",
                "minLength": 1,
                "maxLength": 100_000,
            },
        ),
        setting="code_runner",
    ),
    lambda settings, _client: CodeRunner(settings.code_runner).run,
    timeout=_PATIENCE + 10,
)
