"""The files of a CrewAI project are found.

Covers: kasal_client.projects
"""

from pathlib import Path

import pytest

from kasal_client import UsageError
from kasal_client.projects import read_project


def test_the_nearest_folder_with_both_files_is_read(tmp_path: Path):
    config = tmp_path / "research/src/research/config"
    config.mkdir(parents=True)
    hidden = tmp_path / "research/.venv"
    hidden.mkdir()
    for folder in (config, hidden):
        (folder / "agents.yaml").write_text(f"a: {folder.name}")
        (folder / "tasks.yaml").write_text("t: 1")
    project = read_project(tmp_path / "research")
    assert project.files == {"agents.yaml": "a: config", "tasks.yaml": "t: 1"}
    assert project.name == "research"
    (config / "crew.yaml").write_text("name: Research")
    assert read_project(str(config)).name is None


def test_a_folder_without_them_says_what_is_missing(tmp_path: Path):
    (tmp_path / "agents.yaml").write_text("")
    with pytest.raises(UsageError, match=r"tasks\.yaml"):
        read_project(tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        read_project(tmp_path / "agents.yaml")


def test_a_file_that_is_too_large_is_not_sent(tmp_path: Path):
    (tmp_path / "agents.yaml").write_text("a" * 1_000_001)
    (tmp_path / "tasks.yaml").write_text("")
    with pytest.raises(UsageError, match="megabyte"):
        read_project(tmp_path)
