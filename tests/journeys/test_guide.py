"""Every example of the guide runs, and answers what the page says.

The blocks in `sh` of a page are run in one shell, after those of docs/guide/README.md. A block in `json` is a part
of what the block before it printed last: objects may have more fields, and `…` in a text stands for any text.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from journeys.shell import CURL, ran

_GUIDE = Path(__file__).parents[2] / "docs/guide"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = "=== the end of a block ==="


_ON_THIS_MACHINE = {"mcp.md"}
"""Pages whose examples start programs that a platform elsewhere may not have."""
_OF_THE_CLIENT = {"python.md"}
"""Pages of the Python client, whose tests run their examples."""


def pages() -> list[Any]:
    names = sorted(
        page.name for page in _GUIDE.glob("*.md") if page.name not in {"README.md", *_OF_THE_CLIENT}
    )
    own = pytest.mark.own_platform
    return [pytest.param(n, marks=own) if n in _ON_THIS_MACHINE else n for n in names]


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the blocks of code of a page that can be run or compared, each with its language."""
    found = [(match[1], match[2]) for match in _BLOCK.finditer((_GUIDE / page).read_text())]
    return [block for block in found if block[0] in {"sh", "json"}]


def differences(told: Any, seen: Any, place: str = "") -> list[str]:
    """Return where `seen` lacks what a page has `told` of it."""
    if isinstance(told, dict) and isinstance(seen, dict):
        missing = [f"{place}.{name} is not there" for name in told if name not in seen]
        inner = (
            differences(told[name], seen[name], f"{place}.{name}") for name in told if name in seen
        )
        return missing + [fault for faults in inner for fault in faults]
    if isinstance(told, list) and isinstance(seen, list) and len(told) == len(seen):
        both = enumerate(zip(told, seen, strict=True))
        return [fault for n, (t, s) in both for fault in differences(t, s, f"{place}.{n}")]
    if isinstance(told, str) and isinstance(seen, str):
        pattern = ".*".join(map(re.escape, told.split("…")))
        return [] if re.fullmatch(pattern, seen, re.DOTALL) else [f"{place}: {told!r} is {seen!r}"]
    return [] if told == seen and type(told) is type(seen) else [f"{place}: {told!r} is {seen!r}"]


def script(page: str, user: Any) -> str:
    (_, helpers), *_ = blocks("README.md")
    for told, ours in (
        ("http://localhost:8000/api/v1", user.platform.base),
        ("user@example.com", user.email),
        ("secure_password", user.password),
    ):
        assert told in helpers
        helpers = helpers.replace(told, ours)
    steps = [text for language, text in blocks(page) if language == "sh"]
    return "\n".join([helpers, *(f"{step}\necho '{_MARK}'" for step in steps)])


@pytest.mark.alike_in_every_form
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("page", pages())
async def test_the_examples_of_a_page_run_and_answer_what_it_says(
    user: Any, page: str, tmp_path: Path
) -> None:
    curl = tmp_path / "curl"
    curl.write_text(f"#!{sys.executable}\n{CURL}")
    curl.chmod(0o755)
    kasal = tmp_path / "kasal"
    kasal.write_text(f'#!/bin/sh\nexec {sys.executable} -m kasal_client.command.main "$@"\n')
    kasal.chmod(0o755)
    assert blocks(page)[0][0] == "sh", "a page of the guide begins with an example that runs"

    printed = await ran("bash", "-eu", text=script(page, user), path=str(tmp_path))

    outputs = iter(printed.split(_MARK))
    output = ""
    for language, text in blocks(page):
        if language == "sh":
            output = next(outputs)
            continue
        answers = [line for line in output.splitlines() if line.startswith(("{", "["))]
        assert differences(json.loads(text), json.loads(answers[-1])) == [], output


def test_the_guide_lists_all_its_pages() -> None:
    listed = re.findall(r"^- \[.*?\]\((.*?)\)", (_GUIDE / "README.md").read_text(), re.MULTILINE)
    there = [page.values[0] if hasattr(page, "values") else page for page in pages()]
    assert sorted(listed) == sorted([*there, *_OF_THE_CLIENT])
    assert os.sep not in "".join(listed)


@pytest.mark.parametrize(
    ("told", "seen", "same"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"b": 2}, False),
        ([{"a": "x…z"}], [{"a": "xyz"}], True),
        ([1], [1, 2], False),
        ("a…", "b", False),
        (True, 1, False),
        (None, None, True),
    ],
)
def test_a_part_of_an_answer_is_told_from_another(told: Any, seen: Any, same: bool) -> None:
    assert (differences(told, seen) == []) == same
