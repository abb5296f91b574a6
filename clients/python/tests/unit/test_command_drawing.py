"""What is drawn of a run fits its window, and shows what is at work."""

import pytest

from kasal_client.command.drawing import Scene, scene_lines
from kasal_client.command.question_form import QuestionForm
from kasal_client.command.run_view import RunView


def scene(lanes: int = 3, text: str = "") -> Scene:
    view = RunView("job_1")
    tasks = [f"t{n}" for n in range(lanes)]
    begin = {"timestamp": "2026-11-27T14:44:00.000Z"}
    view.apply({"type": "execution_start", "seq": 1, "crew": "Tea", "tasks": tasks, **begin})
    for seq, task in enumerate(tasks, start=2):
        start = {"task_id": task, "agent": f"Agent {task}", "description": "Find out " * 30}
        view.apply({"type": "task_start", "seq": seq, **start, **begin})
        delta = {"task_id": task, "attempt": 1, "turn": 1, "offset": 0, "text": text}
        view.apply({"type": "text_delta", **delta})
    call = {"task_id": "t0", "action": "search", "result": '{"q": "tea"}'}
    view.apply({"type": "tool_call", "seq": view.seq + 1, **call, **begin})
    return Scene(view)


@pytest.mark.parametrize("width", [1, 20, 80, 200])
@pytest.mark.parametrize("height", [1, 3, 10, 50])
def test_a_drawing_never_leaves_its_window(width: int, height: int) -> None:
    drawn = scene_lines(scene(12, "word " * 1000), width, height, now=1795790650.0)
    assert len(drawn) <= height
    assert all("\n" not in line.text for line in drawn)
    if width >= 20:
        assert max(len(line.text) for line in drawn) <= width


def test_lanes_show_what_is_written_and_called_and_for_how_long() -> None:
    lines = [
        line.text for line in scene_lines(scene(2, "Tea is\x1b[2J a leaf"), 80, 20, 1795790650.0)
    ]
    told = "\n".join(lines)

    assert "Agent t0: Find out" in lines[0]
    assert '→ search {"q": "tea"}' in told
    assert "10 s" in lines[0]
    assert "Tea is␛[2J a leaf" in told
    assert "0 of 2 tasks" in lines[-1]


def test_what_finds_no_room_is_counted() -> None:
    lines = [line.text for line in scene_lines(scene(12), 80, 6, now=0.0)]
    assert "and 8 more at work" in lines[-2]


def test_a_question_comes_before_lanes_and_tells_its_keys() -> None:
    seen = scene(12)
    question = {
        "question_id": "q",
        "kind": "approval",
        "tool_call": {"tool": "pay", "arguments": {}},
    }
    seen.form = QuestionForm(question, -10.0)
    told = "\n".join(line.text for line in scene_lines(seen, 80, 5, now=0.0))

    assert "? pay {}" in told
    assert "[a] approve" in told


def test_ctrl_c_asks_what_was_meant() -> None:
    seen = scene()
    seen.is_leaving = True
    assert "[d] leave it running" in scene_lines(seen, 80, 10, now=0.0)[-1].text
