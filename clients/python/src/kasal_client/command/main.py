"""The program `kasal`: runs a command, and tells what went wrong in two lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer
from typer.exceptions import TyperException

from .exits import ExitCode

_VERBOSE = ("-v", "--verbose")


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer has no reader; Python would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.CLOSED_PIPE
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a command, and return its exit code. `-v` may stand anywhere."""
    from .app import build

    is_verbose = any(one in _VERBOSE for one in _own(arguments))
    rest = _without_verbose(arguments)
    try:
        ended = build()(
            args=[*(["-v"] if is_verbose else []), *rest], prog_name="kasal", standalone_mode=False
        )
        return int(ended or 0)
    except TyperException as error:
        return _tell_misuse(error)
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.CLOSED_PIPE
    except Exception as error:  # noqa: BLE001 - what is not ours is raised again
        return _tell(error, is_verbose=is_verbose)


def _own(arguments: Sequence[str]) -> list[str]:
    """Return the arguments before `--`."""
    given = list(arguments)
    return given[: given.index("--")] if "--" in given else given


def _without_verbose(arguments: Sequence[str]) -> list[str]:
    own = _own(arguments)
    kept = [one for one in own if one not in _VERBOSE]
    return [*kept, *list(arguments)[len(own) :]]


def _tell(error: Exception, *, is_verbose: bool) -> int:
    from kasal_client.errors import KasalError

    from .faults import fault_lines, fault_of

    if not isinstance(error, KasalError | OSError):
        raise error
    fault = fault_of(error)
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.write("\n".join(fault_lines(fault, with_request=is_verbose)) + "\n")
    return fault.code


def _tell_misuse(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(f"{error.format_message()}\n")
        return ExitCode.USAGE
    path = context.command_path if context is not None else "kasal"
    sys.stderr.write(f"Error: {error.format_message()}\n  See how it is used: {path} --help\n")
    return ExitCode.USAGE


if __name__ == "__main__":
    main()
