"""How the command says by its exit code what became of it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a shell sees in `$?`. docs/guide/command-line.md tells users."""

    COMPLETE = 0
    FAILED = 1
    """The run failed."""
    USAGE = 2
    """The command line, or a file that it names, is wrong."""
    STOPPED = 3
    """The run was stopped."""
    WAITING = 4
    """The run waits for a person, and nobody can be asked here."""
    NOT_SIGNED_IN = 5
    UNREACHABLE = 6
    """The platform cannot be reached, or a part of it is away."""
    REFUSED = 7
    """The platform refused it: not found, not allowed, not valid, over a limit."""
    INTERRUPTED = 130
    """Ctrl-C. A run that was watched goes on."""
    CLOSED_PIPE = 141
    """Whoever read the output has closed it."""


OF_STATUS = {
    "completed": ExitCode.COMPLETE,
    "failed": ExitCode.FAILED,
    "stopped": ExitCode.STOPPED,
    "waiting_for_input": ExitCode.WAITING,
}
"""What a run's status means for the exit code; a run that is not here goes on."""
