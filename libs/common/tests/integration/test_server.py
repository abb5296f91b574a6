"""A process that serves: signals, taken ports, a start that fails.

Covers: common.process.reaching, common.process.starting
"""

import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from common.web.server import bind_tcp, bind_unix
from kasal_platform.local.program import free_port, replies

PROGRAM = """
    import sys
    from contextlib import asynccontextmanager
    from common.web.http import create_app
    from common.errors import Unavailable
    from common.logs import configure_logging
    from common.process.reaching import wait_for_backend
    from common.web.server import run, serve
    from common.settings import CommonSettings, load
    from common.telemetry import Telemetry

    async def away():
        raise Unavailable("The database does not answer.")

    @asynccontextmanager
    async def lifespan(app):
        if "broken" in sys.argv:
            raise RuntimeError("the database is gone")
        if "waiting" in sys.argv:
            print("waiting", flush=True)
            await wait_for_backend("mongo", away)
        print("up", flush=True)
        yield
        print("down", flush=True)

    settings, telemetry = load(CommonSettings), Telemetry("tried")
    configure_logging(settings.log_level)
    app = create_app("tried", telemetry=telemetry, routers=[], lifespan=lifespan, checks={})
    run(lambda: serve(app, settings, [telemetry]))
"""


@contextmanager
def started(*arguments, port, metrics):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments],
        env={"KASAL_PORT": str(port), "KASAL_METRICS_PORT": str(metrics)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_serves_until_it_is_told_to_stop(number):
    port, metrics = free_port(), free_port()
    with started(port=port, metrics=metrics) as process:
        assert process.stdout.readline() == "up\n"
        assert _get(port, "/healthz") == (200, b'{"status":"ok"}')
        status, body = _get(metrics, "/metrics")
        assert (status, b"http_server_request_duration" in body) == (200, True)
        assert _get(metrics, "/other")[0] == 404
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert out == "down\n"
    assert process.returncode == 0


def test_a_start_that_fails_ends_the_process_and_says_why():
    with started("broken", port=free_port(), metrics=free_port()) as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the database is gone" in told
    assert "The service could not start" in told


def test_a_service_that_waits_for_its_database_is_told_to_stop_like_any_other():
    with started("waiting", port=free_port(), metrics=free_port()) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert "waiting for a backend" in told
    assert "Traceback" not in told


def test_a_taken_port_is_one_line():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Cannot listen on 127.0.0.1:{port}"):
            bind_tcp("127.0.0.1", port)


def test_a_socket_file_that_a_dead_process_left_is_replaced(tmp_path):
    for _ in range(2):
        with bind_unix(tmp_path / "a.sock") as bound:
            assert bound.getsockname() == str(tmp_path / "a.sock")
    assert (tmp_path / "a.sock").stat().st_mode & 0o777 == 0o600


def _get(port, path):
    while not replies(port, b"", b""):
        time.sleep(0.01)  # the application is up a moment before its port
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as fault:
        with fault:
            return fault.code, fault.read()
