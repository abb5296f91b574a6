"""The profile that `kasal login` keeps: who speaks, and to which platform.

It is a JSON file that only its owner may read. Several processes may use one profile: whoever renews its tokens holds
the lock beside it, so that a refresh token is used once.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import IO, Any

from .errors import ProfileError


@dataclass(frozen=True)
class Profile:
    """Who speaks, and to which platform. An API key, or the tokens of a session."""

    url: str
    email: str = ""
    workspace: str = ""
    api_key: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)


def profile_path(name: str | None = None) -> Path:
    """Return where the profile `name` is kept; by default that of `KASAL_PROFILE`, or else `default`."""
    name = name or os.environ.get("KASAL_PROFILE") or "default"
    if not all(part.isalnum() or part in "-_." for part in name) or name.startswith("."):
        raise ProfileError(f"{name!r} is no name for a profile: use letters, digits, '-' and '_'.")
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if os.path.isabs(base) else Path.home() / ".config"  # noqa: PTH117
    return folder / "kasal" / f"profile-{name}.json"


def load_profile(path: Path | None = None) -> Profile | None:
    """Return what is kept at `path`, None if there is nothing. Raises `ProfileError`."""
    path = path or profile_path()
    try:
        kept = json.loads(path.read_text("utf-8"))
        known = {one.name for one in fields(Profile)}
        return Profile(**{key: str(value) for key, value in kept.items() if key in known})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as fault:
        raise ProfileError(f"{path} cannot be read ({fault}): log in again.") from None


def save_profile(profile: Profile, path: Path | None = None) -> Path:
    """Keep `profile` at `path`, readable by its owner only; whoever reads sees the old one or the new one."""
    path = path or profile_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({key: value for key, value in asdict(profile).items() if value}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return path


def remove_profile(path: Path | None = None) -> None:
    """Forget what is kept at `path`."""
    (path or profile_path()).unlink(missing_ok=True)


class ProfileLock:
    """The lock beside a profile; it ends with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Take the lock, and say whether it was free. Never waits. Raises `ProfileError` where there are no locks."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._path.open("a")
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):  # the second is Windows'
            file.close()
            return False
        except OSError as fault:
            file.close()
            raise ProfileError(
                f"{self._path} cannot be locked ({fault}): keep profiles on a disk with locks, "
                "by XDG_CONFIG_HOME, or use an API key."
            ) from None
        self._file = file
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _locker() -> Callable[[IO[Any]], None]:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        # mypy reads this on other systems, whose msvcrt is empty
        locking: Any = vars(msvcrt)["locking"]
        mode: Any = vars(msvcrt)["LK_NBLCK"]
        return lambda file: locking(file.fileno(), mode, 1)
    return lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock(file: IO[Any]) -> None:
    _locker()(file)
