"""The offline model: deterministic, for trials and tests; it needs no provider.

It calls each of the agent's tools once with what the task says, then writes an answer from the
task, the inputs and the tools' results. Every trace and answer says that it is offline.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from executor.models.dialogue import (
    Dialogue,
    Finish,
    Reply,
    Tokens,
    ToolRequest,
    ToolReturn,
    Topic,
)
from executor.models.draft import Draft
from executor.models.model import Listener
from executor.models.offline_calls import arguments_for
from executor.models.schemas import minimal_instance
from executor.tools.spec import ToolSpec

NAME = "offline"
_EXCERPT = 600
_ANSWER = 6_000
_PIECE = 12
_PAUSE = 0.02
"""Seconds between two pieces of a text that somebody watches."""
_PIECES = 75
"""In how many pieces a text is written at most: it takes about 1.5 s."""


class OfflineModel:
    """Implements `Model`. `stands_for` is the model whose provider has no key."""

    provider = NAME
    server = ""

    def __init__(self, stands_for: str | None = None) -> None:
        self.stands_for = stands_for
        self.label = NAME if stands_for is None else f"{NAME} (for {stands_for})"

    async def request(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener | None = None
    ) -> Reply:
        """Return the next reply, always the same for the same dialogue; write slowly if watched."""
        calls = () if _has_called(dialogue) else _calls(dialogue.topic, tools)
        text = "" if calls else _answer(dialogue)
        if text and listener is not None and listener.watched:
            await _write(text, listener)
        finish = Finish.CALLS if calls else Finish.STOP
        tokens = _tokens(dialogue, text, calls)
        return Reply(text=text, calls=calls, tokens=tokens, finish=finish)

    def price(self, _: Tokens) -> float | None:
        """Return what tokens cost here: nothing."""
        return 0.0


async def _write(text: str, listener: Listener) -> None:
    draft = Draft()
    size = max(_PIECE, -(-len(text) // _PIECES))
    for start in range(0, len(text), size):
        draft.add(text[start : start + size])
        listener.on_text(draft)
        await asyncio.sleep(_PAUSE)


def _has_called(dialogue: Dialogue) -> bool:
    return any(isinstance(turn, Reply) and turn.calls for turn in dialogue.turns)


def _calls(topic: Topic, tools: Sequence[ToolSpec]) -> tuple[ToolRequest, ...]:
    calls: list[ToolRequest] = []
    for tool in tools:
        arguments = arguments_for(tool, topic)
        if arguments is not None:
            calls.append(ToolRequest(f"offline_{len(calls) + 1}", tool.name, arguments))
    return tuple(calls)


def _answer(dialogue: Dialogue) -> str:
    topic = dialogue.topic
    if topic.purpose == "judge":
        return "PASS"
    feedback = dialogue.turns[-1] if dialogue.turns and isinstance(dialogue.turns[-1], str) else ""
    if topic.output_schema is not None:
        hint = f"{NAME}: {topic.description}"
        return json.dumps(minimal_instance(topic.output_schema, hint), ensure_ascii=False)
    return "\n".join(_lines(topic, dialogue.results(), feedback))[:_ANSWER]


def _lines(topic: Topic, results: Sequence[ToolReturn], feedback: str) -> list[str]:
    lines = [f"[{NAME}] {topic.agent}: {_excerpt(topic.description)}"]
    if topic.expected_output:
        lines.append(f"Expected: {_excerpt(topic.expected_output)}")
    if topic.inputs:
        lines.append(f"Inputs: {_pairs(topic.inputs)}")
    lines += [f"From {entry.name}: {_excerpt(entry.text)}" for entry in results]
    lines += [f"Building on: {_excerpt(text)}" for text in topic.context]
    if feedback:
        lines.append(f"Taking into account: {_excerpt(feedback)}")
    return lines


def _pairs(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} = {_excerpt(str(value), 120)}" for name, value in values.items())


def _excerpt(text: str, limit: int = _EXCERPT) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def _tokens(dialogue: Dialogue, text: str, calls: tuple[ToolRequest, ...]) -> Tokens:
    """Return an estimate (four characters per token), so that counting can be tried out too."""
    heard = len(dialogue.instructions) + len(dialogue.opening)
    heard += sum(len(entry.text) for entry in dialogue.results())
    said = len(text) + sum(len(call.name) + len(str(call.arguments)) for call in calls)
    return Tokens(input=max(1, heard // 4), output=max(1, said // 4), cost_usd=0.0)
