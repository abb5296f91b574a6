"""Every example of the pages on Python runs, and prints what the page says."""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kasal_client import Kasal
from kasal_client.testing import Platform, ScriptedModel

ROOT = Path(__file__).parents[4]
README = ROOT / "clients/python/README.md"
PAGES = (README, ROOT / "docs/guide/python.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in BLOCK.finditer(page.read_text("utf-8"))]


def is_for_pytest(text: str) -> bool:
    return "pytest_plugins" in text or "def test_" in text


def printed(text: str, names: dict[str, Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(text, "page", "exec"), names)
    return output.getvalue()


def fits(told: str, seen: str) -> bool:
    """Say whether `seen` is what was told; `…` stands for any text."""
    return (
        re.fullmatch(".*".join(map(re.escape, told.strip().split("…"))), seen.strip(), re.DOTALL)
        is not None
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_print_what_the_page_says(page: Path, kasal_platform: Platform):
    email, password = kasal_platform.new_user()
    names: dict[str, Any] = {"__name__": "page"}
    output, count = "", 0
    for language, told in blocks(page):
        text = told.replace("http://localhost:8000", kasal_platform.url)
        text = text.replace("user@example.com", email).replace("secure_password", password)
        if language == "python" and not is_for_pytest(text):
            output = printed(text, names)
        elif language == "text":
            assert fits(text, output), f"{text}\nis\n{output}"
            count += 1
    assert blocks(page)[0][0] == "python", "the page begins with an example that runs"
    assert count >= (1 if page is README else 9)


def test_the_first_example_has_at_most_twelve_lines():
    example = blocks(README)[0][1]
    assert len([line for line in example.splitlines() if line]) <= 12


def test_the_example_for_pytest_passes(kasal: Kasal, scripted_model: ScriptedModel):
    [test] = [text for _, text in blocks(README) if "def test_" in text]
    names: dict[str, Any] = {}
    exec(compile(test, "page", "exec"), names)
    names["test_the_writer_calculates"](kasal, scripted_model)


def test_the_plugin_for_pytest_gives_its_fixtures(tmp_path: Path):
    [plugin] = [text for _, text in blocks(README) if "pytest_plugins" in text]
    (tmp_path / "conftest.py").write_text(plugin)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--fixtures", "--rootdir", tmp_path, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        timeout=120,
    )
    assert {"kasal_platform", "scripted_model", "kasal"} <= set(
        re.findall(r"^\w+", done.stdout, re.MULTILINE)
    )
