"""The console's own tests, which need no browser."""

import os
import subprocess

from console.looking import ROOT


def test_the_consoles_own_tests_pass() -> None:
    told = subprocess.run(
        ["sh", "tools/console.sh", "test"],
        cwd=ROOT,
        env={**os.environ, "CI": "1", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    assert told.returncode == 0, told.stdout
