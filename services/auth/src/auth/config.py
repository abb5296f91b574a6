"""Settings of the auth service."""

from pydantic import Field

from common.security.rotation import SecretSetting
from common.settings import BusSettings, MongoSettings, RedisSettings


class Settings(MongoSettings, BusSettings, RedisSettings):
    """What auth reads from the environment. Times are seconds."""

    port: int = Field(default=8001, ge=0, le=65_535)
    service_secret: SecretSetting
    """Shared by the services; auth issues a service JWT to whoever sends it. A list rotates it: see SECURITY.md."""
    secret_key: SecretSetting
    """Encrypts the private signing keys at rest."""
    registration: bool = True
    """Whether anyone may register."""
    plan_changes: bool = False
    """Whether a workspace's owner may change its plan."""
    sandbox_token: str | None = Field(default=None, min_length=8)
    """A literal token that gives access to the sandbox workspace."""
    # At most `auth.domain.logins.revocations.LONGEST_ACCESS`, which revocations outlast.
    access_ttl: int = Field(default=86_400, ge=60, le=86_400)
    """Seconds for which an access token is valid."""
    refresh_ttl: int = Field(default=2_592_000, ge=300, le=31_536_000)
    """Seconds for which a refresh token is valid."""
    smtp_url: str | None = Field(
        default=None, pattern=r"^(smtp|smtps|smtp\+starttls)://[^/?#]+$", repr=False
    )
    """The mail server, `smtp://user:password@host:port`; `smtps` and `smtp+starttls` require TLS."""
    mail_from: str = "Kasal <kasal@localhost>"
    """The sender of e-mails."""
    signing_key_days: int = Field(default=90, ge=1, le=3_650)
    """Days after which a new signing key takes over."""
