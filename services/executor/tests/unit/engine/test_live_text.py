"""Text on its way to watchers: in order, with offsets, slowly, and only while somebody watches.

Covers: executor.engine.wire
"""

import asyncio

import pytest
from executor_testkit.engine.stage import Stage, make_crew

from common.errors import Unavailable
from executor.engine import live_text as module
from executor.models.dialogue import Finish, Reply, Tokens
from executor.models.draft import Draft
from executor.models.offline import OfflineModel


class Watchers:
    """A sink that keeps what is published."""

    def __init__(self, *, watched=True, expected=False):
        self.watched = watched
        self.expects = expected
        self.deltas = []
        self.away = False
        self.news = asyncio.Event()

    def wanted(self, job_id):
        assert job_id == "job_1"
        return self.watched

    def expected(self, workspace_id):
        assert workspace_id == "ws_1"
        return self.expects

    async def publish(self, workspace_id, delta):
        assert workspace_id == "ws_1"
        if self.away:
            raise Unavailable("The bus is away.")
        self.deltas.append(delta)
        self.news.set()

    async def next(self):
        async with asyncio.timeout(60):
            await self.news.wait()
        self.news.clear()
        return self.deltas[-1]


class Writer(OfflineModel):
    """A model that runs `script` with its listener, and answers with what that returns."""

    def __init__(self, script):
        super().__init__()
        self.script = script

    async def request(self, dialogue, tools, listener=None):
        text = await self.script(listener)
        return Reply(text, tokens=Tokens(1, 1, 0.0), finish=Finish.STOP)


class Source:
    def __init__(self, model):
        self.model = model

    async def resolve(self, _):
        return self.model


async def run(script, watchers, tasks=1):
    stage = Stage()
    stage.script = Source(Writer(script))
    job = stage.job(make_crew(tasks))
    ledger = stage.ledger_of(job)
    await stage.engine(deltas=watchers).run(job, ledger)
    return ledger


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(module, "_BETWEEN", 0.0)


async def test_text_is_published_as_it_is_written_with_offsets_in_utf_16():
    watchers = Watchers()

    async def script(listener):
        assert listener.watched
        listener.on_request()
        draft = Draft()
        for piece in ("Tea \U0001f375", " is", " good"):
            draft.add(piece)
            listener.on_text(draft)
            await watchers.next()
        return "Tea \U0001f375 is good"

    await run(script, watchers)
    told = [(delta.offset, delta.text) for delta in watchers.deltas]
    assert told == [(0, "Tea \U0001f375"), (6, " is"), (9, " good")]
    assert {(d.task_id, d.agent, d.attempt, d.turn) for d in watchers.deltas} == {
        ("task_1", "Agent 1", 1, 1)
    }


async def test_a_retry_begins_anew_with_a_new_turn():
    watchers = Watchers()

    async def script(listener):
        for words in ("First", "Second"):
            listener.on_request()
            draft = Draft()
            draft.add(words)
            listener.on_text(draft)
            await watchers.next()
            if words == "First":
                listener.on_wait("it is busy", 0.0)
        return "Second"

    await run(script, watchers)
    told = [(delta.turn, delta.offset, delta.text) for delta in watchers.deltas]
    assert told == [(1, 0, "First"), (2, 0, "Second")]


async def test_text_that_turns_out_to_be_a_thought_is_begun_anew():
    watchers = Watchers()

    async def script(listener):
        listener.on_request()
        draft = Draft("prompt")
        for piece in ("I wonder", "</think>\nTea", " it is"):
            draft.add(piece)
            listener.on_text(draft)
            await watchers.next()
        return "Tea it is"

    await run(script, watchers)
    told = [(delta.turn, delta.offset, delta.text) for delta in watchers.deltas]
    assert told == [(1, 0, "I wonder"), (2, 0, "Tea"), (2, 3, " it is")]


async def test_what_is_written_between_two_deltas_goes_out_as_one(monkeypatch):
    monkeypatch.setattr(module, "_BETWEEN", 0.05)
    watchers = Watchers()

    async def script(listener):
        listener.on_request()
        draft, text = Draft(), ""
        for number in range(300):
            text += f"{number} "
            draft.add(f"{number} ")
            listener.on_text(draft)
            await asyncio.sleep(0.001)
        while watchers.deltas[-1].offset + len(watchers.deltas[-1].text) < len(text):
            await watchers.next()
        return text

    loop = asyncio.get_running_loop()
    began = loop.time()
    await run(script, watchers)
    seconds = loop.time() - began
    assert "".join(delta.text for delta in watchers.deltas) == "".join(
        f"{number} " for number in range(300)
    )
    assert 2 <= len(watchers.deltas) <= 20 * seconds + 1


async def test_a_long_text_goes_out_in_pieces(monkeypatch):
    monkeypatch.setattr(module, "_LONGEST", 10)
    monkeypatch.setattr(module, "_ON_A_THREAD", 20)
    watchers = Watchers()

    async def script(listener):
        listener.on_request()
        draft = Draft()
        draft.add("0123456789" * 5)
        listener.on_text(draft)
        while len(watchers.deltas) < 5:
            await watchers.next()
        return "x"

    await run(script, watchers)
    assert [delta.offset for delta in watchers.deltas] == [0, 10, 20, 30, 40]


async def test_nothing_is_published_after_the_reply_or_while_nobody_watches():
    watchers = Watchers(watched=False)
    seen = []

    async def script(listener):
        seen.append(listener.watched)
        listener.on_request()
        return "Done"

    await run(script, watchers, tasks=2)
    assert seen == [False, False]
    assert watchers.deltas == []

    async def late(listener):
        listener.on_request()
        draft = Draft()
        draft.add("Done")
        listener.on_text(draft)
        return "Done"

    watchers.watched = True
    ledger = await run(late, watchers)
    assert ledger.events[-1].type == "execution_complete"
    assert watchers.deltas == []


async def test_a_bus_that_is_away_costs_deltas_and_nothing_else():
    watchers = Watchers()
    watchers.away = True

    async def script(listener):
        listener.on_request()
        draft = Draft()
        draft.add("one")
        listener.on_text(draft)
        await asyncio.sleep(0.01)
        watchers.away = False
        draft.add(" two")
        listener.on_text(draft)
        await watchers.next()
        return "one two"

    ledger = await run(script, watchers)
    assert [(delta.offset, delta.text) for delta in watchers.deltas] == [(3, " two")]
    assert ledger.events[-1].type == "execution_complete"


async def test_the_offline_model_writes_slowly_for_watchers_and_says_the_same():
    texts = {}
    for watched in (False, True):
        watchers = Watchers(watched=watched)
        stage = Stage()
        stage.script = Source(OfflineModel())
        job = stage.job(make_crew(1))
        ledger = stage.ledger_of(job)
        await stage.engine(deltas=watchers).run(job, ledger)
        texts[watched] = ledger.events[-1].body.result
        assert bool(watchers.deltas) is watched
    assert texts[True] == texts[False]
    shown = "".join(delta.text for delta in watchers.deltas)
    assert texts[True].startswith(shown)
    assert shown


async def test_who_comes_while_the_first_text_is_written_gets_all_of_it(monkeypatch):
    watchers = Watchers(watched=False, expected=True)
    seen = []

    async def script(listener):
        seen.append(listener.watched)
        if len(seen) > 1:
            return "Later"
        listener.on_request()
        draft = Draft()
        draft.add("One")
        listener.on_text(draft)
        await asyncio.sleep(0.01)
        assert watchers.deltas == []
        watchers.watched = True
        draft.add(" two")
        listener.on_text(draft)
        await watchers.next()
        watchers.watched = False
        monkeypatch.setattr(module, "_JUST_BEGUN", 0.0)
        return "One two"

    await run(script, watchers, tasks=2)
    assert [(delta.offset, delta.text) for delta in watchers.deltas] == [(0, "One two")]
    assert seen == [True, False]
