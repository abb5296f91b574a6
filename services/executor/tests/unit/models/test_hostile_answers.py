"""Whatever characters an answer is made of, it is read as one text without holding the loop."""

import pytest
from pydantic_ai._thinking_part import split_content_into_text_and_thinking as split

from devkit.loop_lag import loop_lag
from executor.models.connections import Access, connect_compatible


@pytest.mark.parametrize("piece", ["\0", "\0\0a", "<think>", "</think>", "`", " "])
async def test_an_answer_is_not_split_into_parts_without_number(piece):
    client = connect_compatible(Access(url="http://127.0.0.1:1/v1"), 1.0)
    tags = client.model("any").profile["thinking_tags"]
    answer = piece * (300_000 // len(piece))
    async with loop_lag():
        parts = split(answer, tags)
    assert [part.content for part in parts] == [answer]
    await client.close()
