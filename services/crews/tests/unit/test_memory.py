"""Memory is bounded, keeps each thing once in any order, and nothing from before a clear."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.messages import MemoryRemembered
from crews.domain.memory import MOST_CATEGORIES, MOST_INSIGHTS, MOST_SHORT_TERM, Memory

START = datetime(2026, 1, 1, tzinfo=UTC)


EMPTY = Memory("crew_1", "ws_1")


def told(number: int, kind: Any, category: str = "general", text: str = "") -> MemoryRemembered:
    return MemoryRemembered(
        memory_id=f"job_1:{number}",
        workspace_id="ws_1",
        crew_id="crew_1",
        job_id="job_1",
        kind=kind,
        category=category,
        content=text or f"thing {number}",
        timestamp=START + timedelta(seconds=number),
    )


MESSAGES = st.lists(
    st.builds(
        told,
        st.integers(0, 30),
        st.sampled_from(["short_term", "long_term"]),
        st.sampled_from("abc"),
    ),
    unique_by=lambda message: message.memory_id,
    max_size=20,
)


@given(MESSAGES, st.data())
def test_order_and_repetition_change_nothing(messages: Any, data: Any) -> None:
    straight = EMPTY.with_entries(messages)
    memory = EMPTY
    for message in data.draw(st.permutations([*messages, *messages[:5]])):
        memory = memory.with_entries([message])
    assert (memory.short_term, memory.long_term) == (straight.short_term, straight.long_term)
    assert memory.with_entries(messages) is memory


def test_it_is_bounded_and_keeps_the_newest() -> None:
    shorts = [told(n, "short_term") for n in range(MOST_SHORT_TERM + 7)]
    memory = EMPTY.with_entries(shorts)
    assert [one.content for one in memory.short_term] == [m.content for m in shorts[7:]]
    longs = [
        told(category * 100 + n, "long_term", f"c{category}")
        for category in range(MOST_CATEGORIES + 2)
        for n in range(MOST_INSIGHTS + 3)
    ]
    insights = EMPTY.with_entries(longs).insights()
    assert len(insights) == MOST_CATEGORIES
    assert {len(one.insights) for one in insights} == {MOST_INSIGHTS}
    assert "c0" not in {one.category for one in insights}
    assert insights[0].insights[0] == longs[-1].content


def test_the_same_insight_is_kept_once() -> None:
    memory = EMPTY.with_entries([told(n, "long_term", text="Weekly reports") for n in range(3)])
    assert [one.insights for one in memory.insights()] == [["Weekly reports"]]


@pytest.mark.parametrize(
    ("kind", "left"),
    [("short_term", (0, 1)), ("long_term", (1, 0)), ("all", (0, 0))],
)
def test_clearing_is_by_kind_and_keeps_older_messages_out(kind: Any, left: Any) -> None:
    messages = [told(1, "short_term"), told(2, "long_term")]
    memory = EMPTY.with_entries(messages).without(kind, START + timedelta(seconds=5))
    assert (len(memory.short_term), len(memory.long_term)) == left
    again = memory.with_entries(messages)
    assert (len(again.short_term), len(again.long_term)) == left
    later = again.with_entries([told(6, "short_term"), told(7, "long_term")])
    assert (len(later.short_term), len(later.long_term)) == (left[0] + 1, left[1] + 1)


def test_a_snapshot_is_the_newest_few() -> None:
    memory = EMPTY.with_entries([told(n, "short_term") for n in range(30)])
    assert memory.snapshot().short_term[0] == "thing 29"
    assert len(memory.snapshot().short_term) < 30
