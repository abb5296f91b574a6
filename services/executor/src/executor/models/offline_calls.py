"""Finds the arguments of the offline model's tool calls in the task's own words."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from executor.models.dialogue import Coworker, Topic
from executor.models.schemas import minimal_instance
from executor.tools.spec import ToolSpec

_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_TERM = rf"\(*\s*{_NUMBER}\s*%?\s*\)*"
_EXPRESSION = re.compile(
    rf"(?<![\w./-]){_TERM}(?:\s*(?:\*\*|[-+*/^\u00d7\u00f7])\s*{_TERM})+(?![\w-])"
)
_SHARE = re.compile(rf"({_NUMBER})\s*(?:%|percent)\s+of\s+({_NUMBER})")
_ADDRESS = re.compile(r"https?://[^\s<>\"'`)\]}]+")
_FILE = re.compile(
    r"(?<![\w/:.-])[\w][\w./-]*\.(?:txt|md|csv|tsv|json|pdf|log|ya?ml)\b", re.IGNORECASE
)
_READ = 4_000
_WORD = re.compile(r"[a-z]{3,}")
_SUBJECTS = ("topic", "subject", "query", "question")


def arguments_for(tool: ToolSpec, topic: Topic) -> dict[str, Any] | None:
    """Return arguments to call `tool` with, or None if the task has nothing for it to work on."""
    finder = _FINDERS.get(tool.name)
    return _arguments_by_schema(tool, topic) if finder is None else finder(topic)


def expression_in(text: str) -> str | None:
    """Return the first arithmetic expression in `text`, in the calculator's notation.

    Dates, ranges, versions and fractions such as `24/7` are not taken for one.
    """
    text = " ".join(text[:_READ].split())
    share = _SHARE.search(text)
    if share is not None:
        return f"{_plain(share[1])} / 100 * {_plain(share[2])}"
    for found in _EXPRESSION.finditer(text):
        expression = found[0].strip()
        if _calculates(expression) and expression.count("(") == expression.count(")"):
            return _plain(expression)
    return None


def _calculates(expression: str) -> bool:
    strong = re.search(r"[+*^\u00d7\u00f7(]", expression)
    return "%" not in expression and bool(strong or re.search(r"\s[-/]\s", expression))


def _plain(expression: str) -> str:
    for written, meant in (("\u00d7", "*"), ("\u00f7", "/"), ("^", "**"), (",", "")):
        expression = expression.replace(written, meant)
    return " ".join(expression.split())


def _calculator(topic: Topic) -> dict[str, Any] | None:
    expression = expression_in(_task_text(topic))
    return None if expression is None else {"expression": expression}


def _file_reader(topic: Topic) -> dict[str, Any] | None:
    found = _FILE.search(_ADDRESS.sub(" ", _task_text(topic)))
    return None if found is None else {"path": found[0]}


def _file_writer(topic: Topic) -> dict[str, Any] | None:
    found = _FILE.findall(_ADDRESS.sub(" ", topic.description))
    content = f"# {_subject(topic)}\n\nWritten by the offline model.\n"
    return {"name": found[-1], "content": content} if found else None


def _web_fetch(topic: Topic) -> dict[str, Any] | None:
    found = _ADDRESS.search(_task_text(topic))
    return None if found is None else {"url": found[0].rstrip(".,;:!?")}


def _web_search(topic: Topic) -> dict[str, Any] | None:
    return {"query": _subject(topic)}


def _delegate(topic: Topic) -> dict[str, Any] | None:
    if not topic.coworkers:
        return None
    return {
        "coworker": _best_coworker(topic).name,
        "task": topic.description,
        "context": "\n".join(topic.context)[:4_000],
    }


def _best_coworker(topic: Topic) -> Coworker:
    words = set(_WORD.findall(topic.description.lower()))

    def fit(coworker: Coworker) -> tuple[bool, int]:
        known = set(_WORD.findall(f"{coworker.role} {coworker.goal}".lower()))
        return coworker.name == topic.suggested, len(words & known)

    return max(topic.coworkers, key=fit)


def _arguments_by_schema(tool: ToolSpec, topic: Topic) -> dict[str, Any] | None:
    """Return arguments for a tool known only by its schema: inputs by name, else the subject."""
    made = minimal_instance(tool.parameters, _subject(topic))
    if not isinstance(made, dict):
        return None
    known = tool.parameters.get("properties")
    names = known if isinstance(known, Mapping) else {}
    return made | {name: topic.inputs[name] for name in names if name in topic.inputs}


def _task_text(topic: Topic) -> str:
    return "\n".join([topic.description, *(str(value) for value in topic.inputs.values())])


def _subject(topic: Topic) -> str:
    for name in _SUBJECTS:
        if str(topic.inputs.get(name, "")).strip():
            return str(topic.inputs[name])[:200]
    return " ".join(topic.description.split())[:200]


_FINDERS: Mapping[str, Callable[[Topic], dict[str, Any] | None]] = {
    "calculator": _calculator,
    "file_reader": _file_reader,
    "file_writer": _file_writer,
    "web_search": _web_search,
    "web_fetch": _web_fetch,
    "delegate_work": _delegate,
}
