"""Unambiguous pid files: a process id and when that process started.

A pid alone may meanwhile belong to another program of the user, which must not be stopped.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_GRACE = 5.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def record(pid_file: Path, pid: int) -> None:
    """Write `pid` and its start time into `pid_file`."""
    pid_file.write_text(f"{pid}\n{birth(pid)}\n")


def stop_recorded(pid_file: Path) -> None:
    """Stop the process that an earlier parent left behind, if it still runs, and remove the file."""
    try:
        pid_line, born = pid_file.read_text().split("\n")[:2]
        pid = int(pid_line)
    except (OSError, ValueError):
        return
    if born and birth(pid) == born:
        _stop(pid, born)
    pid_file.unlink(missing_ok=True)


def birth(pid: int) -> str:
    """Return a string unique to this process on this machine, empty if it has ended."""
    return _birth_on_linux(pid) if sys.platform == "linux" else _birth_by_ps(pid)


def _birth_on_linux(pid: int) -> str:
    try:
        # After the name in parentheses, which may hold spaces: the state, …, the start in ticks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else f"{_BOOT_ID.read_text().strip()} {fields[19]}"
    except OSError:
        return ""


def _birth_by_ps(pid: int) -> str:
    asked = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def _stop(pid: int, born: str) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + _GRACE
        while birth(pid) == born:
            if time.monotonic() > until:
                os.killpg(pid, signal.SIGKILL)
                until = float("inf")
            time.sleep(0.02)
