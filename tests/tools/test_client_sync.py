"""The client for threads is made from the one for asyncio."""

import pytest

from tools.client_sync import SOURCE, TARGET, sync_name, sync_text

SOURCE_TEXT = '''
async def read(run: AsyncRun) -> AsyncIterator[int]:
    """Awaits nothing in async texts."""
    async with run.events() as events:
        async for event in events:
            yield await (await event.seq())
    await io_async.sleep(1); await run.aclose()
'''
MADE_TEXT = '''
def read(run: Run) -> Iterator[int]:
    """Awaits nothing in async texts."""
    with run.events() as events:
        for event in events:
            yield (event.seq())
    io_sync.sleep(1); run.close()
'''


def test_what_waits_blocks_and_texts_stay() -> None:
    assert sync_text(SOURCE_TEXT) == MADE_TEXT


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("AsyncRun", "Run"),
        ("_AsyncRun", "_Run"),
        ("Asynchronous", "Asynchronous"),
        ("call", "call"),
    ],
)
def test_names_lose_what_says_asyncio(name: str, made: str) -> None:
    assert sync_name(name) == made


def test_every_module_is_made_and_waits_for_nothing() -> None:
    made = {path.name for path in TARGET.glob("*.py")}
    assert made == {path.name for path in SOURCE.glob("*.py")}
    for path in TARGET.glob("*.py"):
        code = compile(path.read_text(), path.name, "exec")
        assert "asyncio" not in code.co_names, path.name
        assert "AsyncGenerator" not in path.read_text(), path.name
