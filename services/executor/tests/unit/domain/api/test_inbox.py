"""A page of the inbox is filled up where questions were answered meanwhile, with a bounded number of reads."""

from datetime import UTC, datetime, timedelta

import pytest

from common.errors import InvalidRequest
from executor.domain.api.inbox import Asked, Inbox, InboxPart
from executor.domain.log.questions import Question

NOW = datetime(2026, 11, 27, tzinfo=UTC)


class Rows:
    """So many rows, of which every `nth` question is still open."""

    def __init__(self, rows, nth):
        self._rows, self._nth = rows, nth
        self.reads = 0

    async def count(self, workspace_id, **_):
        return self._rows

    async def page(self, workspace_id, *, skip, limit, after, **_):
        self.reads += 1
        first = (0 if after is None else int(after[1]) + 1) + skip
        upto = min(first + limit, self._rows)
        asked = [_asked(n) for n in range(first, upto) if n % self._nth == 0]
        last = (NOW + timedelta(seconds=upto - 1), str(upto - 1)) if upto < self._rows else None
        return InboxPart(asked, last)


def _asked(n):
    made = NOW + timedelta(seconds=n)
    return Asked("job_1", "crew_1", Question(str(n), "approval", "t", "Ann", "?", None, made))


@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_every_open_question_is_on_one_page(nth):
    rows = Rows(50, nth)
    shown, after, pages = [], None, 0
    while pages == 0 or after is not None:
        page = await Inbox(rows).page("ws_1", limit=7, after=after)
        shown += [int(asked.question.question_id) for asked in page.asked]
        after, pages = page.next, pages + 1
    assert shown == list(range(0, 50, nth))


async def test_rows_of_answered_questions_cost_a_bounded_number_of_reads():
    rows = Rows(10_000, 10_000)
    page = await Inbox(rows).page("ws_1", limit=1, skip=1)
    assert (len(page.asked), rows.reads) == (0, 5)
    assert page.next is not None, "the list goes on"


async def test_a_cursor_of_another_inbox_is_refused():
    page = await Inbox(Rows(9, 1)).page("ws_1", limit=2)
    for other in ({"crew_id": "crew_1"}, {"kind": "review"}):
        with pytest.raises(InvalidRequest):
            await Inbox(Rows(9, 1)).page("ws_1", limit=2, after=page.next, **other)
    with pytest.raises(InvalidRequest):
        await Inbox(Rows(9, 1)).page("ws_2", limit=2, after=page.next)
