"""A start that waits for what does not come ends when it is told to."""

import asyncio

import pytest

from kasal_platform.config import Settings
from kasal_platform.embedded import running


@pytest.fixture
def start(monkeypatch, tmp_path):
    """The start of a platform that never gets up, and the function that a signal calls."""
    waiting, signals = asyncio.Event(), []

    async def waits(*_):
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(running, "_serve", waits)
    monkeypatch.setattr(running, "bind_tcp", lambda *_: object())
    monkeypatch.setattr(running, "on_stop_signal", lambda *given: signals.extend(given))

    async def begin():
        starting = asyncio.create_task(running._start(Settings(data_dir=tmp_path)))
        await asyncio.wait_for(waiting.wait(), 60)
        return starting, signals[0]

    return begin


async def test_a_signal_ends_a_start_that_waits(start):
    starting, signal = await start()
    signal()
    assert await asyncio.wait_for(starting, 60) is None


async def test_a_start_that_is_cancelled_otherwise_says_so(start):
    starting, _ = await start()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(starting, 60)


async def test_files_of_an_earlier_release_are_told_of_at_the_start(monkeypatch, tmp_path, capsys):
    (tmp_path / "files" / "ws_1").mkdir(parents=True)
    (tmp_path / "files" / "ws_1" / "a.csv").touch()

    async def starts(settings):
        assert settings.data_dir == tmp_path

    monkeypatch.setenv("KASAL_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(running, "_start", starts)
    monkeypatch.setattr(running, "configure_logging", lambda *_: None)
    await running.serve_until_stopped()
    [line] = capsys.readouterr().out.splitlines()
    assert f"import-files {tmp_path}/files" in line
