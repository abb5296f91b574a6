"""Ctrl-C is heard although Python may drop it. Covers: kasal_client.command.interrupts"""

import subprocess
import sys

LOST = """
import signal
from kasal_client.command.interrupts import repeated_interrupts

before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
try:
    with repeated_interrupts():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            print("lost")
        while True:
            signal.pause()
except KeyboardInterrupt:
    print("heard")
assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == before
assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
"""


def test_an_interrupt_that_is_lost_comes_again() -> None:
    # In a process of its own, because pytest's time limits use the same timer.
    done = subprocess.run(
        [sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["lost", "heard"]
