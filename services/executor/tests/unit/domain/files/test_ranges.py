"""Ranges of bytes: every one that a client may send is a part of the file, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.domain.files.ranges import Part, matches, wanted_part


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", Part(0, 1)),
        ("bytes=0-", Part(0, 10)),
        ("bytes=9-9", Part(9, 10)),
        ("bytes=3-99", Part(3, 10)),
        ("bytes=-3", Part(7, 10)),
        ("bytes=-99", Part(0, 10)),
        ("BYTES = 1 - 2", Part(1, 3)),
        ("bytes=10-", Part(0, 0)),
        ("bytes=-0", Part(0, 0)),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 30 + "-", None),
        ("", None),
    ],
)
def test_a_range_is_read_as_the_standard_has_it(asked, part):
    assert wanted_part(asked, 10) == part


@given(st.integers(0, 50), st.text(alphabet="bytes=-0123456789, ", max_size=20))
def test_no_range_leads_beyond_the_file(size, asked):
    part = wanted_part(f"bytes={asked}", size)
    assert part is None or 0 <= part.start <= part.stop <= size


def test_tags_match_alone_in_lists_and_weakly():
    assert matches('"a"', '"a"')
    assert matches('"b", W/"a"', '"a"')
    assert matches("*", '"a"')
    assert not matches('"b"', '"a"')
