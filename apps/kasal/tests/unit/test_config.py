"""The settings of the embedded form; its secrets: made once, kept, and never replaced silently."""

from pathlib import Path

import pytest

from kasal_platform import config
from kasal_platform.config import SecretsDamaged, Settings, secrets_in


def test_secrets_are_made_once_for_the_user_only(tmp_path: Path) -> None:
    made = secrets_in(tmp_path)
    assert secrets_in(tmp_path) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"service_secret": "one"}'])
def test_damaged_secrets_are_refused_and_left_as_they_are(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(text)
    with pytest.raises(SecretsDamaged) as refused:
        secrets_in(tmp_path)
    assert str(refused.value).startswith(f"{path} is damaged: ")
    assert path.read_text() == text


def test_the_console_is_the_one_named_else_the_one_built_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KASAL_CONSOLE_DIR", raising=False)
    assert Path(__file__).parents[4] / "console" / "dist" == config._BUILT_CONSOLE
    monkeypatch.setattr(config, "_BUILT_CONSOLE", tmp_path)
    assert Settings().console is None
    (tmp_path / "index.html").touch()
    assert Settings().console == tmp_path
    assert Settings(console_dir=Path("elsewhere")).console == Path("elsewhere")
