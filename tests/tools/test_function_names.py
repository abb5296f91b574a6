"""The check of function names finds participles, and lets verbs, nouns and predicates be."""

import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def names(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    participles = importlib.import_module("function_names").participles
    return lambda source: [function.name for function in participles(source)]


@pytest.mark.parametrize(
    "name", ["told", "_asked", "task_started", "asked_again", "_made_of", "shortened"]
)
def test_participles_are_found(names, name):
    assert names(f"class A:\n    async def {name}(self) -> str: ...") == [name]


@pytest.mark.parametrize(
    "source",
    [
        "def tell() -> None: ...",
        "def need() -> int: ...",
        "def unsettled_jobs() -> list[str]: ...",
        "def drop_kept() -> None: ...",
        "def closed() -> bool: ...",
        "@property\ndef ended() -> str: ...",
        "def connection_lost(self, fault) -> None: ...",
    ],
)
def test_verbs_nouns_and_predicates_are_let_be(names, source):
    assert names(source) == []


@pytest.mark.parametrize(
    "place", ["libs/one/src/one/module.py", "bench/cases/module.py", "tools/module.py"]
)
def test_source_benches_and_tools_are_read(tmp_path, monkeypatch, place):
    monkeypatch.syspath_prepend(str(TOOLS))
    function_names = importlib.import_module("function_names")
    monkeypatch.setattr(function_names, "ROOT", tmp_path)
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text("def told() -> str: ...\n")
    with pytest.raises(SystemExit, match=f"{place}:1: told: "):
        function_names.main()
