"""What a run leaves behind."""

from common.contracts.memory import shelf_of
from common.errors import Unavailable

ON = {"memory": {"short_term": True, "long_term": True}}


async def test_a_run_leaves_entries_and_insights(stage, kit):
    stage.script.say = lambda *_: "Tea sells. " + "More follows. " * 50
    await stage.run(kit.crew(2, configuration=ON))
    entries = {entry.memory_id: entry for entry in stage.sink.entries}
    assert set(entries) == {
        "job_1:task_1:short", "job_1:task_2:short", "job_1:task_1:long", "job_1:task_2:long"
    }  # fmt: skip
    short, long = entries["job_1:task_1:short"], entries["job_1:task_1:long"]
    assert (short.kind, long.kind, long.category) == ("short_term", "long_term", "Role 1")
    assert short.content.startswith("Work 1: Tea sells.")
    assert long.content.startswith("Tea sells.")
    assert len(long.content) <= 300


async def test_nothing_is_kept_unless_it_is_switched_on(stage, kit):
    await stage.run(kit.crew(1))
    assert stage.sink.entries == []


async def test_what_is_kept_goes_where_the_run_has_read_after_a_resume_too(stage, kit):
    shelf = shelf_of("customer_id", "42")
    crew = kit.crew(2, configuration=ON, memory={"shelf": shelf})
    events = await stage.run(crew)
    await stage.run(crew, events[: kit.types(events).index("task_complete") + 1])
    assert {entry.shelf for entry in stage.sink.entries} == {shelf}


async def test_a_resumed_run_sends_the_same_entries_again(stage, kit):
    crew = kit.crew(2, configuration=ON)
    events = await stage.run(crew)
    first = {entry.memory_id for entry in stage.sink.entries}
    stage.sink.entries.clear()
    place = kit.types(events).index("task_complete")
    await stage.run(crew, events[: place + 1])
    again = {entry.memory_id: entry.timestamp for entry in stage.sink.entries}
    assert set(again) == first
    assert again["job_1:task_1:short"] == events[place].timestamp


async def test_memory_that_cannot_be_sent_does_not_fail_the_run(stage, kit):
    stage.sink.fault = Unavailable("The bus is away.")
    assert (await stage.run(kit.crew(1, configuration=ON)))[-1].type == "execution_complete"


async def test_an_answer_that_no_message_can_hold_does_not_fail_the_run(stage, kit):
    """Half a surrogate pair: JSON can say it, and some providers' libraries pass it on."""
    stage.script.say = lambda *_: "Tea \ud83c is hot."
    assert (await stage.run(kit.crew(1, configuration=ON)))[-1].type == "execution_complete"
    assert [entry.content for entry in stage.sink.entries][-1] == "Tea ? is hot."
