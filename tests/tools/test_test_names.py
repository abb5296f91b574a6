"""The check of `tools/test_names.py`, on a tree of its own."""

from importlib import import_module
from pathlib import Path

import pytest


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools"))
    module = import_module("test_names")
    module.test_files.cache_clear()
    module.names_in.cache_clear()
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in (
        "src/auth/domain/users.py",
        "src/auth/domain/ports.py",
        "src/auth/store/keys.py",
        "tests/unit/test_users.py",
        "tests/integration/test_http.py",
    ):
        place = tmp_path / "services/auth" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return tmp_path


def untested(names, root: Path) -> list[str]:
    return [line.partition(" ")[0] for line in names.untested_modules(root)]


def test_a_module_that_no_test_leads_to_is_told(names, root):
    assert untested(names, root) == ["auth.store.keys"]


@pytest.mark.parametrize("name", ["test_keys.py", "test_keys_of_old.py"])
def test_a_file_may_bear_the_modules_name(names, root, name):
    (root / "services/auth/tests/unit" / name).touch()
    assert untested(names, root) == []


def test_a_file_of_another_service_is_not_meant(names, root):
    other = root / "services/crews/tests/unit"
    other.mkdir(parents=True)
    (other / "test_keys.py").touch()
    assert untested(names, root) == ["auth.store.keys"]


@pytest.mark.parametrize(
    "text",
    [
        "from auth.store.keys import Keys\n",
        "from auth.store import keys\n",
        '"""Over HTTP.\n\nCovers: auth.domain.users,\n    auth.store.keys\n"""\n',
    ],
)
def test_a_file_may_import_or_cover_it(names, root, text):
    (root / "services/auth/tests/integration/test_http.py").write_text(text)
    assert untested(names, root) == []
    assert list(names.stale_names(root)) == []


def test_a_covered_module_must_be_there(names, root):
    path = root / "services/auth/tests/integration/test_http.py"
    path.write_text('"""Over HTTP.\n\nCovers: auth.store.keys, auth.store.gone\n"""\n')
    (fault,) = names.stale_names(root)
    assert (
        fault
        == "services/auth/tests/integration/test_http.py covers auth.store.gone, which is no module"
    )


def test_the_tests_of_a_module_are_printed(names, capsys):
    names.main(["executor.domain.log.outbox"])
    assert "services/executor/tests/unit/domain/log/test_outbox.py" in capsys.readouterr().out
