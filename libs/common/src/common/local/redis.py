"""A Redis server of our own on a loopback port. It keeps nothing: what we put there may be lost."""

import shutil
from pathlib import Path

from common.local.program import LocalProgram, ProgramFailed, free_port, replies


def installed() -> bool:
    return shutil.which("redis-server") is not None


def program(folder: Path, port: int | None = None) -> LocalProgram:
    """Return a Redis server. Raises `ProgramFailed` when the program is not installed."""
    server = shutil.which("redis-server")
    if server is None:
        raise ProgramFailed("redis-server is not installed")
    port = port or free_port()
    command = [
        *(server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder.absolute())),
        *("--save", "", "--appendonly", "no", "--daemonize", "no"),
    ]
    url = f"redis://127.0.0.1:{port}/0"
    return LocalProgram("Redis", folder, command, url, lambda: replies(port, b"PING\r\n", b"+PONG"))
