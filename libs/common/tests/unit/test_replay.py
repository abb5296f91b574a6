"""The framing of stored events between executor and relay."""

import pytest

from common.contracts.replay import ReplayHead, join_lines, split_lines

HEAD = ReplayHead(status="running", last_seq=9, first_seq=3, types=["progress", "something_new"])


def test_events_come_out_as_they_went_in():
    frames = [b'{"type": "progress"}', '{"text":"a\\nb \u2028"}'.encode()]
    assert split_lines(join_lines(HEAD, frames)) == (HEAD, frames)
    empty = ReplayHead(status="queued", last_seq=0, first_seq=1, types=[])
    assert split_lines(join_lines(empty, [])) == (empty, [])


@pytest.mark.parametrize("body", [b"", b"{}", b"not JSON\n{}", join_lines(HEAD, [b"{}"])])
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(ValueError):
        split_lines(body)
