"""Settings of the embedded form, and the secrets that it generates on its first start."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import Field

from common.settings import CommonSettings, LogLevel

_BUILT_CONSOLE = Path(__file__).parents[4] / "console" / "dist"
"""Where `make console` puts it in a checkout."""


class Settings(CommonSettings):
    """What `make run` reads; each service also reads its own settings."""

    log_level: LogLevel = "WARNING"
    data_dir: Path = Path(".kasal")
    """Where the databases and the secrets live."""
    allowed_hosts: str = ""
    """Host names under which clients may reach it; by default `localhost`, `127.0.0.1`, `[::1]` and `KASAL_HOST`."""
    console_dir: Path | None = None
    """The folder of the built console; by default `console/dist` of the checkout, if it has been built."""
    demo: bool = True
    """Create a demo user and crew, and run the crew on the first start."""
    demo_email: str = "user@example.com"
    """The demo user's e-mail address."""
    demo_password: str = Field(default="secure_password", min_length=8)
    """The demo user's password."""
    sandbox_token: str = "SANDBOX_TOKEN"  # noqa: S105 - the API document's own, for trying out
    """A literal token that gives access to the sandbox workspace."""
    migrate_on_start: bool = True
    """Migrate the database at the start, as `migrate` does, instead of only checking its version."""
    durable: bool = False
    """Write each change to the disk before it is answered, so that a power cut takes nothing of it. Otherwise it can take
    the last moments; a process that is killed loses nothing either way."""
    workers: int = Field(default=1, ge=1, le=16)
    """Worker processes that `make stack` starts, but at least two."""

    @property
    def hosts(self) -> str:
        """The host names under which clients may reach it; a page of another site must not have one of them."""
        return self.allowed_hosts or f"localhost,127.0.0.1,[::1],{self.host}"

    @property
    def console(self) -> Path | None:
        """The folder of the console, or None if it has not been built."""
        if self.console_dir is not None:
            return self.console_dir
        return _BUILT_CONSOLE if (_BUILT_CONSOLE / "index.html").is_file() else None


class SecretsDamaged(Exception):  # noqa: N818 - it says what happened
    """The file of secrets cannot be read, or was lost; the text is one plain line."""


@dataclass(frozen=True)
class Secrets:
    """The secret that the services share and the key for stored credentials; kept between starts."""

    service_secret: str
    secret_key: str


def secrets_in(folder: Path) -> Secrets:
    """Return the secrets in `folder`; create them, readable only by the user, if missing.

    Raises `SecretsDamaged`.
    """
    path = folder / "secrets.json"
    if path.exists():
        try:
            return Secrets(**json.loads(path.read_text()))
        except (ValueError, TypeError):
            raise SecretsDamaged(
                f"{path} is damaged: put back the one of your backup. If nothing was ever stored in "
                f"{folder}, remove it."
            ) from None
    if any((folder / "db").glob("*.sqlite")):
        raise SecretsDamaged(
            f"{path} is missing, and without it nothing that is encrypted in {folder / 'db'} can be read: put"
            " back the one of your backup."
        )
    made = Secrets(service_secret=secrets.token_urlsafe(32), secret_key=secrets.token_urlsafe(32))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(made), file)
    return made
