"""The check of class names finds a name with two meanings, and only that."""

import importlib
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"


def test_a_public_name_taken_twice_is_found_with_its_places(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    for service in ("one", "two"):
        source = tmp_path / f"services/{service}/src/{service}"
        source.mkdir(parents=True)
        (source / "a.py").write_text(
            f"class Run: ...\nclass Settings: ...\nclass _Own: ...\nclass Of{service}: ..."
        )
    places = importlib.import_module("class_names").places_by_name(tmp_path)
    assert places == {
        "Run": ["services/one/src/one/a.py:1", "services/two/src/two/a.py:1"],
        "Ofone": ["services/one/src/one/a.py:4"],
        "Oftwo": ["services/two/src/two/a.py:4"],
    }
