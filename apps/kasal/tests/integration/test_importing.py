"""Files of earlier releases come over, with their paths as names, and once."""

import asyncio

import pytest

from kasal_platform.commands import import_files as command
from kasal_platform.commands import migrate
from kasal_platform.embedded.backends import InProcessBackends
from kasal_platform.importing import ImportRefused, import_files


@pytest.fixture
def database_url(tmp_path, monkeypatch):
    url = f"sqlite://{tmp_path}/db"
    monkeypatch.setenv("KASAL_MONGO_URL", url)
    migrate.main([])
    return url


def listed(url):
    from common.settings import MongoSettings

    async def read():
        opened = InProcessBackends().database(MongoSettings(mongo_url=url), "executor")
        rows = await opened.database["files"].find({"state": "whole"}).to_list()
        await opened.close()
        return sorted((row["workspace_id"], row["name"], row["size"]) for row in rows)

    return asyncio.run(read())


def test_each_workspace_gets_its_own_files_once(tmp_path, database_url, capsys):
    folder = tmp_path / "files"
    for place, text in (
        ("ws_a/r/q3.csv", "a,b"),
        ("ws_a/x.txt", "x"),
        ("ws_b/x.txt", "yy"),
        ("tmp/no", "z"),
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
    (folder / "ws_a/theirs").symlink_to(folder / "ws_b")
    (folder / "ws_a/passwd").symlink_to("/etc/passwd")
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            command.main([str(folder)])
        assert ended.value.code == 0
        assert "3 files are kept now" in capsys.readouterr().out
    assert listed(database_url) == [
        ("ws_a", "r/q3.csv", 3),
        ("ws_a", "x.txt", 1),
        ("ws_b", "x.txt", 2),
    ]
    (tmp_path / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(SystemExit):
        command.main([str(tmp_path / "elsewhere/files/tmp"), "--workspace", "ws_c"])
    assert ("ws_c", "no", 1) in listed(database_url)


async def test_what_has_no_workspace_is_refused(tmp_path):
    async def keep(*_):
        raise AssertionError("nothing is kept")

    for folder, reason in ((tmp_path / "none", "no folder"), (tmp_path, "--workspace")):
        with pytest.raises(ImportRefused, match=reason):
            await import_files(keep, folder, None, print)
