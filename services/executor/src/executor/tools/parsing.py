"""Reads a document in a process of its own: `python -m executor.tools.parsing KIND`, bytes in, JSON out.

A document may be made to take all memory or time. The process has little of both, none of our secrets, and is
killed with whatever it does when its time is up.
"""

import asyncio
import contextlib
import json
import os
import sys

from executor.tools.tool import ToolFault

_SECONDS = 20.0
_PROCESSOR = 15
_MEMORY = 768 * 1024 * 1024
_TEXT = 1_000_000
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")


async def parse(kind: str, raw: bytes) -> str:
    """Return the text of a document of this kind: `html`, `pdf` or `zip`. Raises `ToolFault`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "executor.tools.parsing", kind),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            printed, _ = await process.communicate(raw)
    except TimeoutError:
        raise ToolFault("the document takes too long to read.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise ToolFault("the document takes more time or memory to read than there is.")
    told = json.loads(printed)
    if "fault" in told:
        raise ToolFault(told["fault"])
    return str(told["text"])


def text_of(kind: str, raw: bytes) -> str:
    """Return the text of a document; blocks. Raises `ToolFault`."""
    if kind == "pdf":
        from executor.tools.pdf import pdf_text

        return pdf_text(raw)
    if kind == "html":
        from executor.tools.markdown import markdown
        from executor.tools.texts import decode_page

        return markdown(decode_page(raw, "", "text/html"))
    from executor.tools.office import office_text

    text = office_text(raw)
    if text is None:
        raise ToolFault("it is an archive and no DOCX or XLSX document.")
    return text


def _limit() -> None:
    import resource

    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR, _PROCESSOR))
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _main() -> None:
    _limit()
    try:
        told = {"text": text_of(sys.argv[1], sys.stdin.buffer.read())[:_TEXT]}
    except ToolFault as fault:
        told = {"fault": str(fault)}
    except MemoryError:
        told = {"fault": "the document takes more memory to read than there is."}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _main()
