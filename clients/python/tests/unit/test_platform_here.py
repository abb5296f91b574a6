"""A platform that `kasal dev` starts ends with it."""

import signal
import subprocess
import sys

import pytest

from kasal_client.command import platform_here
from kasal_client.command.link import Link
from kasal_client.command.output import Output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_platform_starts_ends_it_too(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.pause()"], stderr=subprocess.DEVNULL
    )
    before = signal.getsignal(number)
    monkeypatch.setattr(platform_here, "is_answering", lambda _: False)
    monkeypatch.setattr(platform_here, "_start", lambda *_: process)
    monkeypatch.setattr(platform_here, "_await", lambda *_: signal.raise_signal(number))
    with (
        pytest.raises(KeyboardInterrupt),
        platform_here.platform_for(Link("http://127.0.0.1:1"), Output(), {}),
    ):
        pass
    assert process.poll() is not None
    assert signal.getsignal(number) == before
