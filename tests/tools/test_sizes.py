"""Functions and files that are too long are refused."""

from pathlib import Path

from tools.sizes import FOLDERS, ROOT, faults_below, long_functions


def function(lines: int) -> str:
    return "@decorated\ndef work():\n" + "    call()\n" * (lines - 1)


def test_a_function_may_have_39_lines() -> None:
    assert list(long_functions(function(39))) == []
    ((found, lines),) = long_functions(function(40))
    assert (found.name, found.lineno, lines) == ("work", 2, 40)


def test_methods_and_inner_functions_count_too() -> None:
    inner = "\n".join("    " + line for line in function(40).splitlines())
    assert [one.name for one, _ in long_functions(f"class Thing:\n{inner}\n")] == ["work"]


def test_a_file_may_have_400_lines(tmp_path: Path) -> None:
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
    (tmp_path / "libs/short.py").write_text("x = 1\n" * 400)
    (tmp_path / "tests/long.py").write_text("x = 1\n" * 401 + function(40))
    first, second = faults_below(tmp_path)
    assert first.startswith("tests/long.py has 442 lines")
    assert second.startswith("tests/long.py:403 work has 40 lines")


def test_nothing_here_is_too_long() -> None:
    assert list(faults_below(ROOT)) == []
