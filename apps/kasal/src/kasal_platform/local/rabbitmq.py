"""Our own RabbitMQ server on a loopback port, started by any user, separate from the system's."""

import os
import secrets
import shutil
import subprocess
import zlib
from pathlib import Path

from kasal_platform.local.program import LocalProgram, ProgramFailed, free_port, replies

# Debian's wrapper in /usr/sbin starts only the system's own server, as its user.
_PLACES = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin", "/usr/local/sbin")
_HELLO = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"
_CONF = """disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 33554432
"""
"""Quorum queues also keep their write-ahead log in memory until its file is full, by default 512 MB."""


def _server() -> str | None:
    for place in _PLACES:
        found = shutil.which("rabbitmq-server", path=place)
        if found:
            return found
    return shutil.which("rabbitmq-server")


def installed() -> bool:
    return _server() is not None


def program(folder: Path, port: int | None = None, settings: str = "") -> LocalProgram:
    """Return a RabbitMQ server over the data in `folder`, with a user and password of its own.

    `settings` is the text of an Erlang `advanced.config`. Raises `ProgramFailed` when the program is
    not installed.
    """
    server = _server()
    if server is None:
        raise ProgramFailed("rabbitmq-server is not installed")
    port = port or free_port()
    folder = folder.absolute()
    (folder / "home").mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "plugins").write_text("[].\n")
    (folder / "advanced.config").write_text(settings or "[].\n")
    user, password = _user_of(folder)
    _write_for_us(
        folder / "rabbitmq.conf",
        f"{_CONF}default_user = {user}\ndefault_pass = {password}\n",
    )
    return LocalProgram(
        "RabbitMQ",
        folder,
        [server],
        f"amqp://{user}:{password}@127.0.0.1:{port}/",
        lambda: replies(port, _HELLO, _METHOD_FRAME),
        _environment(folder, port),
    )


def run_rabbitmqctl(folder: Path, *command: str) -> None:
    """Run `rabbitmqctl` with `command` on the server over `folder`. Raises `ProgramFailed`."""
    tool = shutil.which("rabbitmqctl", path=_PLACES[0]) or shutil.which("rabbitmqctl")
    if tool is None:
        raise ProgramFailed("rabbitmqctl is not installed")
    folder = folder.absolute()
    environment = {"HOME": str(folder / "home"), "ERL_EPMD_ADDRESS": "127.0.0.1"}
    done = subprocess.run(  # noqa: S603 - our own command
        [tool, "--node", _node(folder), *command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise ProgramFailed(f"rabbitmqctl {' '.join(command)}: {done.stdout}{done.stderr}")


def _node(folder: Path) -> str:
    """Return the node's name. The data refer to it, so it must not depend on the port."""
    return f"kasal-{zlib.crc32(bytes(folder)):08x}@localhost"


def _user_of(folder: Path) -> tuple[str, str]:
    """Return user and password, created together with the data, in which the server keeps them."""
    kept = folder / "password"
    if not kept.exists():
        if (folder / "mnesia").exists():  # data from before there were passwords
            return "guest", "guest"
        _write_for_us(kept, secrets.token_urlsafe(24))
    return "kasal", kept.read_text()


def _write_for_us(path: Path, text: str) -> None:
    path.touch(0o600)
    path.chmod(0o600)
    path.write_text(text)


def _environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "HOME": str(folder / "home"),
        "RABBITMQ_NODENAME": _node(folder),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "erlang.pid"),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        # Idle schedulers sleep instead of spinning, because a small machine needs its cores for others.
        # The port by which Erlang's nodes find each other is local to this machine, like epmd.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
        ),
    }
