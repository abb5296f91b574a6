import re

from hypothesis import given
from hypothesis import strategies as st

from kasal_platform.embedded.topics import TopicTable

WORDS = st.sampled_from(["a", "b", "job_1"])
KEYS = st.lists(WORDS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.lists(st.one_of(WORDS, st.sampled_from(["*", "#"])), min_size=1, max_size=5).map(
    ".".join
)


def plainly(pattern: str, key: str) -> bool:
    """The rule of AMQP 0-9-1, section 3.1.3.3, as a slow search."""
    if not pattern:
        return not key
    first, _, rest = pattern.partition(".")
    if first == "#":
        words = key.split(".") if key else []
        return any(plainly(rest, ".".join(words[at:])) for at in range(len(words) + 1))
    if not key:
        return False
    word, _, more = key.partition(".")
    return first in {"*", word} and plainly(rest, more)


@given(st.lists(PATTERNS, max_size=6), KEYS)
def test_a_key_finds_those_whose_pattern_matches_and_nobody_else(patterns, key):
    table: TopicTable[int] = TopicTable()
    for number, pattern in enumerate(patterns):
        table.bind(pattern, number)
    assert table.match(key) == {n for n, p in enumerate(patterns) if plainly(p, key)}


@given(st.lists(PATTERNS, min_size=1, max_size=6, unique=True), KEYS, st.data())
def test_unbinding_takes_away_one_pattern_only(patterns, key, data):
    table: TopicTable[str] = TopicTable()
    for pattern in patterns:
        table.bind(pattern, pattern)
        table.bind(pattern, pattern)
    gone = data.draw(st.sampled_from(patterns))
    table.unbind(gone, gone)
    table.unbind("never.bound", gone)
    assert table.match(key) == {p for p in patterns if p != gone and plainly(p, key)}


def test_bound_by_two_patterns_is_found_once():
    table: TopicTable[str] = TopicTable()
    table.bind("ws.*.error", "relay")
    table.bind("ws.#", "relay")
    assert table.match("ws.job_1.error") == {"relay"}


def test_the_reference_agrees_with_a_regular_expression():
    # Guards the reference itself: `*` is one word and never none.
    for key in ("ws.job.error", "ws.error", "ws.a.b.error"):
        assert plainly("ws.*.error", key) == bool(re.fullmatch(r"ws\.[^.]+\.error", key))
