"""Settings from the environment or from files: prefix `KASAL_`, the same meaning everywhere."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AliasChoices, Field, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from common.security.rotation import SecretSetting

_MOST_PORTS = 65_535
_HIDDEN = re.compile("SECRET|KEY|TOKEN|PASSWORD")
_PASSWORD = re.compile(r"//.*@")
"""The user and password of a URL, which must not get into a log, even if they are not escaped."""


def _check_ports(url: str) -> str:
    """Return the URL of a backend unless a port in it is no port: each client fails differently on that."""
    hosts = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    for host in hosts.split(","):
        _, colon, port = host.rpartition("]")[2].partition(":")
        if colon and not (port.isdecimal() and int(port) <= _MOST_PORTS):
            raise PydanticCustomError("port", "the port is not a number up to 65535")
    return url


BackendUrl = Annotated[str, AfterValidator(_check_ports)]
"""The URL of a backend; a password in it is escaped."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class CommonSettings(BaseSettings):
    """What every process reads. A service's `config.py` adds its own."""

    model_config = SettingsConfigDict(
        env_prefix="KASAL_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    port: int = Field(default=8000, ge=0, le=65_535)
    """The port it listens on; `python -m executor work` serves only its health there."""
    host: str = "127.0.0.1"
    """The address it listens on."""
    log_level: LogLevel = "INFO"
    """The lowest level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    log_format: Literal["auto", "json", "pretty"] = "auto"
    """`json`, `pretty`, or `auto`: pretty on a terminal."""
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """The port that serves `/metrics` for Prometheus."""
    shutdown_grace: float = Field(default=5.0, ge=0, le=60)
    """Seconds that requests in progress get to finish when the process is told to stop."""
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT", "KASAL_OTLP_ENDPOINT"),
    )
    """Base URL of the OTLP/HTTP collector that receives spans."""
    secrets_dir: Path | None = None
    """A folder of files with settings: `kasal_mongo_url` holds `KASAL_MONGO_URL`, and so on."""


class PeerSettings(CommonSettings):
    """How a service calls the others and checks who calls it."""

    auth_url: str = "http://127.0.0.1:8001"
    """`http://` or `unix://`, as for the other services; several processes are separated by commas."""
    service_secret: SecretSetting
    """Shared by the services; auth issues a service JWT to whoever sends it. A list rotates it: see SECURITY.md."""
    peer_timeout: float = Field(default=10.0, gt=0, le=120)
    """Seconds that a call to another service may take."""


class MongoSettings(CommonSettings):
    mongo_url: BackendUrl = Field(pattern=r"^(mongodb(\+srv)?|sqlite)://")
    """MongoDB, or SecantusDB with `retryWrites=false`."""
    mongo_database_prefix: str = Field(default="kasal_", pattern=r"^[A-Za-z0-9_-]*$")
    """Prefix of each database's name, before the name of its service."""
    mongo_timeout_ms: int = Field(default=5_000, ge=100, le=60_000)
    """Milliseconds that a database operation may take."""
    migrate_on_start: bool = False
    """Migrate the database at the start, as `migrate` does, instead of only checking its version."""


class SealingSettings(MongoSettings):
    """What the verb `reseal` reads."""

    secret_key: SecretSetting


class BusSettings(CommonSettings):
    amqp_url: BackendUrl = Field(pattern=r"^(amqps?|memory|sqlite)://")
    """RabbitMQ."""


class ToolHostSettings(CommonSettings):
    """What tools may reach: the same for crews, which asks MCP servers for their tools, and the executor."""

    tool_allowed_hosts: str = ""
    """Hosts, separated by commas, at which tools, MCP servers and workspaces' own models may be though they are
    private."""
    mcp_stdio: str = ""
    """Command lines, separated by semicolons, that workspaces may have started as MCP servers; one that ends in
    ` *` allows any further arguments. By default there are none."""

    def allowed_hosts(self) -> list[str]:
        """Return `tool_allowed_hosts` one by one."""
        return [host.strip() for host in self.tool_allowed_hosts.split(",") if host.strip()]


class RedisSettings(CommonSettings):
    redis_url: BackendUrl = Field(pattern=r"^(rediss?|unix|memory)://")
    """Redis."""


SettingsT = TypeVar("SettingsT", bound=CommonSettings)


def load(kind: type[SettingsT], **given: Any) -> SettingsT:
    """Read settings of `kind`, or end the process with one line that names what is wrong.

    Values come from `given`, then the environment, then the files in KASAL_SECRETS_DIR, then the
    defaults. An empty variable is none.
    """
    folder = os.environ.get("KASAL_SECRETS_DIR") or None
    if folder is not None and not Path(folder).is_dir():
        sys.exit(f"KASAL_SECRETS_DIR is wrong: there is no folder {folder!r}")
    try:
        return kind(_secrets_dir=folder, **given)
    except ValidationError as fault:
        sys.exit("; ".join(_plain(kind, error) for error in fault.errors()))
    except SettingsError as fault:  # a list or mapping that is not JSON; it names the field
        sys.exit(f"A setting is wrong: {fault}")


def _plain(kind: type[CommonSettings], error: Mapping[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else kind.__name__
    variable = name if name.isupper() else f"KASAL_{name.upper()}"
    if error["type"] == "missing":
        return f"{variable} is not set"
    return f"{variable} is wrong: {error['msg']}{_value_hint(variable)}"


def _value_hint(variable: str) -> str:
    value = os.environ.get(variable)
    if value is None or _HIDDEN.search(variable):
        return ""
    return f" (it is {_PASSWORD.sub('//…@', value)!r})"
