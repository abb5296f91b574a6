"""Our own Redis server on a loopback port. It stores nothing on disk; its data may be lost."""

import secrets
import shutil
from pathlib import Path

from kasal_platform.local.program import LocalProgram, ProgramFailed, free_port, replies


def installed() -> bool:
    return shutil.which("redis-server") is not None


def program(folder: Path, port: int | None = None) -> LocalProgram:
    """Return a Redis server with a new password.

    Raises `ProgramFailed` when the program is not installed.
    """
    server = shutil.which("redis-server")
    if server is None:
        raise ProgramFailed("redis-server is not installed")
    port = port or free_port()
    password = secrets.token_urlsafe(24)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder.absolute() / "redis.conf"  # not an argument, which other users can see
    config.touch(0o600)
    config.chmod(0o600)
    config.write_text(f"requirepass {password}\n")
    command = [
        *(server, str(config), "--port", str(port), "--bind", "127.0.0.1"),
        *("--dir", str(folder.absolute()), "--save", "", "--appendonly", "no", "--daemonize", "no"),
    ]
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    hello = f"AUTH {password}\r\n".encode()
    return LocalProgram("Redis", folder, command, url, lambda: replies(port, hello, b"+OK"))
