"""SecantusDB, the embedded MongoDB. It is under the GPL: always a program, never an import."""

import sys
from pathlib import Path

from kasal_platform.local.program import LocalProgram, ProgramFailed, free_port, replies


def server() -> Path:
    """Return the program. Raises `ProgramFailed` when it is not installed beside this Python."""
    found = Path(sys.executable).parent / "secantusd-py"
    if not found.exists():
        raise ProgramFailed(f"secantusd-py is not installed beside {sys.executable}")
    return found


def program(folder: Path, port: int | None = None, cache: str = "512M") -> LocalProgram:
    """Return SecantusDB over the data in `folder`, on a free loopback port unless one is given.

    Raises `ProgramFailed` when it is not installed beside this Python.
    """
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "secantusd.toml"
    config.touch()  # named, it keeps the user's own configuration out
    command = [
        *(str(server()), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)),
        # At most; it takes what it needs. With 64M it stopped answering after some 2,500 jobs.
        *("--storage-path", str(folder / "data"), "--cache-size", cache),
        # Without an oplog, which nobody reads here and which is a fifth of what a write costs.
        *("--log-level", "WARNING", "--standalone"),
    ]
    # With retryable writes an update takes 13 ms instead of 1 after some 10,000 of them.
    url = f"mongodb://127.0.0.1:{port}/?retryWrites=false"
    return LocalProgram("SecantusDB", folder, command, url, lambda: replies(port, b"", b""))
