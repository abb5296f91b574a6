"""Both clients have the same surface, and importing them is cheap."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import kasal
import kasal_client
from kasal_client import aio


def methods(module_name: str) -> dict[str, set[str]]:
    module = importlib.import_module(module_name)
    return {
        name.removeprefix("Async"): {
            {"aclose": "close"}.get(one, one) for one in vars(kind) if not one.startswith("_")
        }
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module_name and not name.startswith("_")
    }


def test_what_one_client_can_do_the_other_can():
    names = [one.name for one in pkgutil.iter_modules(aio.__path__)]
    assert len(names) > 10
    for name in names:
        theirs = methods(f"kasal_client.aio.{name}")
        assert methods(f"kasal_client.sync.{name}") == theirs, name


def test_kasal_is_the_short_name():
    assert kasal.Kasal is kasal_client.Kasal
    assert set(kasal_client.__all__) <= set(vars(kasal) | {"__version__": ""})
    assert kasal.__version__[0].isdigit()


def test_importing_it_loads_nothing_that_is_seldom_needed():
    code = (
        "import kasal, sys; print(*sorted({'typer', 'rich', 'yaml', 'pytest'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
