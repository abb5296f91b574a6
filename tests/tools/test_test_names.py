"""The check of `tools/test_names.py`, on a tree of its own."""

from importlib import import_module
from pathlib import Path

import pytest


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools"))
    return import_module("test_names")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in (
        "src/auth/domain/users.py",
        "src/auth/domain/ports.py",
        "tests/unit/test_users.py",
    ):
        place = tmp_path / "services/auth" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return tmp_path


def test_a_module_with_a_file_of_its_name_is_tested(names, root, monkeypatch):
    monkeypatch.setattr(names, "TOGETHER", {})
    assert names.untested_modules(root) == []


def test_a_module_that_no_name_leads_to_is_told(names, root, monkeypatch):
    monkeypatch.setattr(names, "TOGETHER", {})
    (root / "services/auth/src/auth/domain/keys.py").touch()
    assert [line.partition(" ")[0] for line in names.untested_modules(root)] == ["auth.domain.keys"]
    monkeypatch.setattr(names, "TOGETHER", {"auth.domain.keys": "unit/test_users.py"})
    assert names.untested_modules(root) == names.stale_entries(root) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"auth.domain.gone": "unit/test_users.py"},
        {"auth.domain.users": "unit/test_users.py"},
    ],
)
def test_an_entry_that_is_not_needed_is_told(names, root, monkeypatch, entry):
    monkeypatch.setattr(names, "TOGETHER", entry)
    assert len(names.stale_entries(root)) == 1


def test_an_entry_that_leads_nowhere_is_told(names, root, monkeypatch):
    (root / "services/auth/src/auth/domain/keys.py").touch()
    monkeypatch.setattr(names, "TOGETHER", {"auth.domain.keys": "unit/test_gone.py"})
    assert "not there" in names.stale_entries(root)[0]
