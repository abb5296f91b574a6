"""Settings of the embedded form, and the secrets it makes for itself on its first start."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import Field

from common.settings import CommonSettings, LogLevel


class Settings(CommonSettings):
    """What `make run` reads; each service reads its own settings besides."""

    log_level: LogLevel = "WARNING"
    data_dir: Path = Path(".kasal")
    """Where the database, the secrets and the crews' files live."""
    allowed_hosts: str = ""
    """Hosts by which it may be asked; by default `localhost`, `127.0.0.1`, `[::1]` and `KASAL_HOST`."""
    demo: bool = True
    """Make the demo user and crew, and run that crew on the first start."""
    demo_email: str = "user@example.com"
    """Who the demo user is."""
    demo_password: str = Field(default="secure_password", min_length=8)
    """The demo user's password."""
    sandbox_token: str = "SANDBOX_TOKEN"  # noqa: S105 - the API document's own, for trying out
    """A literal token that is accepted as the sandbox workspace's."""
    migrate_on_start: bool = True
    """Bring the database to the code's schema at the start, as `migrate` does, not only check it."""
    database_silence: float = Field(default=20, ge=1, le=600)
    """Seconds without an answer after which its database is killed and started again; longer than any
    single answer takes, short enough for runs to wait for it (`KASAL_STORE_PATIENCE`)."""
    workers: int = Field(default=1, ge=1, le=16)
    """Worker processes that `make stack` starts; at least two."""

    @property
    def hosts(self) -> str:
        """The hosts by which it may be asked: a page from elsewhere must not be one of them."""
        return self.allowed_hosts or f"localhost,127.0.0.1,[::1],{self.host}"


@dataclass(frozen=True)
class Secrets:
    """What the services share and what encrypts stored credentials; kept between starts."""

    service_secret: str
    secret_key: str


def secrets_in(folder: Path) -> Secrets:
    """Return the secrets kept in `folder`, made there (readable by the user only) if missing."""
    path = folder / "secrets.json"
    if path.exists():
        return Secrets(**json.loads(path.read_text()))
    made = Secrets(service_secret=secrets.token_urlsafe(32), secret_key=secrets.token_urlsafe(32))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(made), file)
    return made
