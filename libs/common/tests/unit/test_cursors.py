"""Cursors come back as they went, and nothing else is taken for one."""

import base64
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidRequest
from common.storage.cursors import LONGEST, cursor, part_of, place_of

SCOPE = ("executions", "ws_1", None, "failed")
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1)).map(  # noqa: DTZ001 - made aware
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)


@given(MOMENTS, st.text(st.characters(codec="ascii", exclude_characters="\x00"), max_size=64))
def test_a_cursor_comes_back_as_it_went(made, last):
    text = cursor((made, last), SCOPE)
    assert place_of(text, SCOPE) == (made, last)
    for other in ((*SCOPE[:1], "ws_2", *SCOPE[2:]), (*SCOPE[:3], None), ("crews", *SCOPE[1:])):
        with pytest.raises(InvalidRequest) as refused:
            place_of(text, other)
        assert refused.value.details["field"] == "after"


@given(st.text(max_size=LONGEST))
def test_no_other_text_is_taken_for_a_cursor(text):
    with pytest.raises(InvalidRequest):
        place_of(text, SCOPE)


@pytest.mark.parametrize(
    "inside",
    [
        [],
        {},
        None,
        [10**40, "job_1", ""],
        [1.5, "job_1", ""],
        [True, "job_1", ""],
        [10**17, "job_1", ""],
        [1, {"$gt": ""}, ""],
        [1, "job\x00", ""],
        [1, "job_1"],
    ],
)
def test_what_is_inside_is_looked_at(inside):
    raw = b"[1" + b"0" * 40 + b"]" if inside == [10**40, "job_1", ""] else orjson.dumps(inside)
    with pytest.raises(InvalidRequest):
        place_of(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), SCOPE)


ENTRIES = st.sets(st.tuples(st.integers(0, 9), st.sampled_from("abc")), max_size=12)


@given(ENTRIES, st.lists(ENTRIES, max_size=8), st.integers(1, 4), st.booleans())
def test_a_bounded_list_is_read_through_while_it_changes(first, later, size, descending):
    """Whatever comes and goes, nothing comes twice, and what stays comes once, in order."""

    def read(entries, after):
        return part_of(
            entries,
            lambda one: one,
            SCOPE,
            skip=0,
            limit=size,
            after=after,
            descending=descending,
        )

    stays = first.intersection(*later)
    part = read(first, None)
    assert part.total == len(first)
    shown = list(part.shown)
    for entries in [*later, *[first] * 12]:
        if part.next is None:
            break
        part = read(entries | stays, part.next)
        assert len(part.shown) <= size
        shown += part.shown
    assert part.next is None
    assert shown == sorted(set(shown), reverse=descending)
    assert stays <= set(shown)


def test_a_page_of_a_bounded_list_says_where_it_goes_on():
    entries = [(number, "") for number in range(5)]
    page = part_of(entries, lambda one: one, SCOPE, skip=2, limit=2, after=None)
    assert [number for number, _ in page.shown] == [2, 1]
    rest = part_of(entries, lambda one: one, SCOPE, skip=0, limit=2, after=page.next)
    assert ([number for number, _ in rest.shown], rest.next, rest.total) == ([0], None, 5)
    beyond = part_of(entries, lambda one: one, SCOPE, skip=8, limit=2, after=None)
    assert (list(beyond.shown), beyond.next) == ([], None)
