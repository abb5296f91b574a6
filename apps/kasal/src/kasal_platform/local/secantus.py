"""SecantusDB, the embedded MongoDB. It is under the GPL: run it as a program, never import it."""

import sys
from pathlib import Path

from kasal_platform.local.program import LocalProgram, ProgramFailed, free_port, replies


def installed() -> bool:
    """Return whether the program is beside this Python."""
    return _server().exists()


def _server() -> Path:
    return Path(sys.executable).parent / "secantusd-py"


def server() -> Path:
    """Return the program. Raises `ProgramFailed` if it is not installed beside this Python."""
    found = _server()
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
    config.touch()  # naming it keeps the user's own configuration out
    command = [
        *(str(server()), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)),
        # A maximum. With 64M it stopped answering after about 2,500 jobs.
        *("--storage-path", str(folder / "data"), "--cache-size", cache),
        # Without an oplog, which nobody reads here and which is a fifth of the cost of a write.
        *("--log-level", "WARNING", "--standalone"),
    ]
    # With retryable writes an update takes 13 ms instead of 1 after about 10,000 updates.
    url = f"mongodb://127.0.0.1:{port}/?retryWrites=false"
    return LocalProgram("SecantusDB", folder, command, url, lambda: replies(port, b"", b""))
