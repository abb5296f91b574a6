"""A question of a run, answered key by key. It draws nothing and sends nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .cleaning import compact, one_line
from .line_editor import LineEditor
from .run_view import Json
from .schema_forms import FieldAsked, fields_of

GRACE = 0.4
"""Seconds for which keys do not count after a question has come up: they were meant for something else."""


@dataclass(frozen=True)
class Answer:
    """What a person has decided."""

    outcome: str
    input: Any = None
    arguments: dict[str, Any] | None = None
    comment: str | None = None


_MENUS: dict[str, dict[str, str]] = {
    "approval": {"a": "approve", "e": "edit the arguments", "r": "reject"},
    "review": {"a": "approve", "c": "ask for changes", "r": "reject, which ends the run"},
    "unknown_outcome": {"t": "make the call again", "w": "say what came of it", "r": "reject"},
    "question": {"w": "answer", "r": "decline"},
}


class QuestionForm:
    """One question, and how far its answer is."""

    def __init__(self, question: Json, shown_at: float) -> None:
        self.question = question
        self.id = str(question.get("question_id"))
        self.kind = str(question.get("kind") or "question")
        self.choices = [str(one) for one in question.get("choices") or []]
        self.editor: LineEditor | None = None
        self.label = ""
        self.fault = ""
        self.is_sent = False
        self._shown_at = shown_at
        self._purpose = ""
        self._fields: list[FieldAsked] = []
        self._given: dict[str, Any] = {}

    def is_ready(self, now: float) -> bool:
        """Say whether keys count."""
        return now - self._shown_at >= GRACE and not self.is_sent

    @property
    def menu(self) -> dict[str, str]:
        """What can be pressed, with what it does."""
        if self.choices and len(self.choices) <= 9:
            numbered = enumerate(self.choices, start=1)
            return {**{str(n): one_line(c, 30) for n, c in numbered}, "r": "decline"}
        return _MENUS.get(self.kind, _MENUS["question"])

    @property
    def title(self) -> str:
        """The question on a line."""
        call = self.question.get("tool_call")
        if isinstance(call, dict) and self.kind == "approval":
            return f"{call.get('tool')} {compact(call.get('arguments'))}"
        return str(self.question.get("prompt") or "").strip().split("\n")[0]

    def press(self, key: str, now: float) -> Answer | None:
        """Take a key; return the answer when there is one."""
        if not self.is_ready(now):
            return None
        if self.editor is None:
            return self._choose(key.lower())
        if key == "escape":
            self._close()
        elif key == "enter":
            return self._submit(self.editor.text)
        else:
            self.editor.press(key)
        return None

    def refuse(self, fault: str) -> None:
        """Show why the platform did not take the answer, and ask again."""
        self._close()
        self.fault, self.is_sent = fault, False

    def _choose(self, key: str) -> Answer | None:
        if key not in self.menu:
            return None
        self.fault = ""
        if self.choices and key.isdigit():
            return self._finish(Answer("answered", self.choices[int(key) - 1]))
        if key == "a":
            return self._finish(Answer("approved"))
        if key == "t":
            return self._finish(Answer("retry"))
        if key == "r":
            self._open("comment", "Why? (Enter to reject, Esc to go back)")
        elif key == "e":
            call = self.question.get("tool_call") or {}
            text = json.dumps(call.get("arguments") or {}, ensure_ascii=False)
            self._open("arguments", "Arguments, as JSON (Enter to approve with them)", text)
        elif key == "c":
            self._open("text", "What should change?")
        else:
            self._ask()
        return None

    def _ask(self) -> None:
        """Begin the answer: a text, or the values that a schema asks for."""
        schema = self.question.get("response_schema")
        if not isinstance(schema, dict):
            self._open("text", "Your answer")
            return
        self._fields, self._given = fields_of(schema), {}
        self._open_field()

    def _open_field(self) -> None:
        field = self._fields[0]
        default = "" if field.default is None else compact(field.default)
        self._open("field", field.label, default)

    def _submit(self, text: str) -> Answer | None:
        try:
            return self._read(text)
        except ValueError as fault:
            self.fault = str(fault)
            return None

    def _read(self, text: str) -> Answer | None:
        if self._purpose == "comment":
            return self._finish(Answer("rejected", comment=text.strip() or None))
        if self._purpose == "arguments":
            return self._finish(Answer("approved", arguments=_arguments(text)))
        if self._purpose == "field":
            return self._read_field(text)
        if not text.strip():
            raise ValueError("Write something, or press Esc.")
        if self.choices and text.strip() not in self.choices:
            raise ValueError(f"It must be one of {', '.join(self.choices)}.")
        return self._finish(Answer("answered", text.strip()))

    def _read_field(self, text: str) -> Answer | None:
        field = self._fields[0]
        if text.strip() or field.is_required:
            value = field.value_of(text)
            if not field.name:
                return self._finish(Answer("answered", value))
            self._given[field.name] = value
        self._fields.pop(0)
        self.fault = ""
        if self._fields:
            self._open_field()
            return None
        return self._finish(Answer("answered", self._given))

    def _finish(self, answer: Answer) -> Answer:
        self._close()
        self.is_sent = True
        return answer

    def _open(self, purpose: str, label: str, text: str = "") -> None:
        self._purpose, self.label, self.editor = purpose, label, LineEditor(text)

    def _close(self) -> None:
        self.editor, self.fault, self.label = None, "", ""


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as fault:
        raise ValueError(f"This is no JSON: {fault}") from None
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - it is told like the others
            'Arguments are a JSON object, such as {"city": "Leeds"}.'
        )
    return found
