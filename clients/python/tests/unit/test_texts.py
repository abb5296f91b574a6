"""Pieces of live text are put together, whatever was lost."""

from hypothesis import given
from hypothesis import strategies as st

from kasal_client.events import LlmCallEvent, TextDelta
from kasal_client.texts import CUT, TextAssembly, TextChunk


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def deltas(text: str, size: int = 3, turn: int = 1, attempt: int = 1) -> list[TextDelta]:
    return [
        TextDelta(
            type="text_delta",
            job_id="job_1",
            task_id="task_1",
            agent="Ada",
            attempt=attempt,
            turn=turn,
            offset=units(text[:start]),
            text=text[start : start + size],
        )
        for start in range(0, len(text), size)
    ]


def end(text: str, finish: str = "stop") -> LlmCallEvent:
    return LlmCallEvent.model_validate(
        {
            "type": "llm_call",
            "job_id": "job_1",
            "seq": 3,
            "attempt": 1,
            "task_id": "task_1",
            "agent": "Ada",
            "action": "gpt-4o",
            "result": text[:CUT],
            "finish_reason": finish,
        }
    )


def chunks(pieces: list[TextDelta], event: LlmCallEvent, whole: str) -> list[TextChunk]:
    assembly = TextAssembly()
    found = [assembly.add(piece) for piece in pieces]
    found.append(assembly.finish(event, whole if assembly.needs_whole(event) else None))
    return [chunk for chunk in found if chunk is not None]


TEXTS = st.text(st.sampled_from("abc 🍵é\n"), min_size=1, max_size=700)


@given(TEXTS, st.data())
def test_chunks_are_the_text_whatever_is_lost_or_comes_twice(text: str, data: st.DataObject):
    pieces = [piece for piece in deltas(text) for _ in range(data.draw(st.integers(0, 2)))]
    found = chunks(pieces, end(text), text)
    assert "".join(chunk.text for chunk in found) == text
    assert [chunk.is_first for chunk in found].count(True) == 1
    assert found[-1].is_last


@given(TEXTS, TEXTS)
def test_a_text_that_is_begun_anew_replaces_the_first(first: str, second: str):
    found = chunks([*deltas(first), *deltas(second, turn=2)], end(second), second)
    begun = max(place for place, chunk in enumerate(found) if chunk.is_first)
    assert "".join(chunk.text for chunk in found[begun:]) == second


def test_late_pieces_of_an_older_text_are_dropped():
    found = chunks([*deltas("new", turn=2), *deltas("old")], end("new"), "new")
    assert "".join(chunk.text for chunk in found) == "new"


def test_a_reply_that_only_calls_tools_is_no_text():
    assert chunks([], end("calls calculator", "tool_call"), "") == []


def test_a_reply_that_was_cut_off_ends_no_text():
    assert chunks([], end("", "cut_off"), "") == []


def test_what_a_model_wrote_before_its_calls_is_looked_up():
    event = end("calls calculator", "tool_call")
    found = chunks(deltas("I add.")[:1], event, "I add.")
    assert "".join(chunk.text for chunk in found) == "I add."
