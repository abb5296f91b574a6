"""The probe of images, against a server and where there is none."""

import http.server
import os
import subprocess
import sys
import threading

import pytest

from kasal_platform.local.program import free_port


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.path == "/healthz"
        self.send_response(200 if good else 503)
        self.end_headers()
        self.wfile.write(b"ok" if good else b"mongo does not answer")

    def log_message(self, *_):
        pass


@pytest.fixture
def port():
    with http.server.HTTPServer(("127.0.0.1", 0), _Answers) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


def probed(port, *path):
    environment = {**os.environ, "KASAL_PORT": str(port)}
    command = [sys.executable, "-m", "common.process.probe", *path]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return told.returncode, told.stderr.strip()


def test_a_process_that_is_up_is_well(port):
    assert probed(port) == (0, "")


def test_one_that_is_not_ready_says_what_is_missing(port):
    code, said = probed(port, "readyz")
    assert code == 1
    assert said == f"/readyz on port {port}: 503 mongo does not answer"


def test_nobody_listening_is_one_line():
    code, said = probed(free_port())
    assert code == 1
    assert "refused" in said
    assert "\n" not in said


def test_without_a_port_it_says_so():
    assert probed("") == (1, "KASAL_PORT is not set")
