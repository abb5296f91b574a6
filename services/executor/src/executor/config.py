"""Settings of the executor, for its `api` and its `worker` processes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AliasChoices, Field, create_model

from common.settings import BusSettings, MongoSettings, PeerSettings
from executor.models.connections import Access
from executor.models.provider import ProviderSetting, model_providers


class ExecutorSettings(MongoSettings, BusSettings, PeerSettings):
    """What the executor reads from the environment, but for what providers of models declare.

    Times are seconds.
    """

    port: int = Field(default=8003, ge=0, le=65_535)
    crews_url: str = "http://127.0.0.1:8002"
    """The address of crews."""

    worker_slots: int = Field(default=200, ge=1, le=10_000)
    """Jobs that one worker process runs at once."""
    worker_reserve: float = Field(default=0.1, ge=0, le=1)
    """Places beyond them, as a share of them, for workspaces that have few jobs at this worker."""
    queue_limit: int = Field(default=10_000, ge=1)
    """Jobs of one workspace that may wait for a worker; a further one is answered with 429."""
    workspace_storage_mb: int = Field(default=10_000, ge=0)
    """What one workspace's ended executions may take, about, in millions of bytes; 0 is no bound."""
    max_lost_claims: int = Field(default=5, ge=1, le=100)
    """How many workers a job may lose in a row before it ends with `ATTEMPTS_EXHAUSTED`."""
    lease_beat: float = Field(default=0.5, gt=0, le=10)
    """How often a worker raises its counter."""
    lease_silence: float = Field(default=2.0, gt=0, le=60)
    """How long a worker's counter may stand still before others take its jobs."""
    drain_seconds: float = Field(default=120.0, ge=0, le=3_600)
    """How long a worker that is told to stop waits for calls under way that must not be made twice. Jobs
    in the middle of anything else are handed to other workers at once. Whoever stops it has to wait 20 s
    longer than that before it is killed."""
    store_patience: float = Field(default=30.0, gt=0, le=600)
    """How long a run waits for a store that is away before its worker gives it up."""

    model_fallback: Literal["", "offline"] = ""
    """`offline` has the offline model answer for providers without a key."""
    model_patience: float = Field(default=300.0, gt=0, le=86_400)
    """How long a request to a model is tried again while its provider is away or refuses for now."""
    tavily_api_key: str | None = Field(
        default=None, validation_alias=AliasChoices("TAVILY_API_KEY", "tavily_api_key")
    )
    """Has `web_search` ask Tavily."""
    brave_api_key: str | None = Field(
        default=None, validation_alias=AliasChoices("BRAVE_API_KEY", "brave_api_key")
    )
    """Has `web_search` ask Brave."""
    files_dir: Path = Path(".kasal/files")
    """Where `file_reader` looks; each workspace has a folder of its own in it. `make run` and `make stack`:
    `files` in their own data folder."""
    tool_allowed_hosts: str = ""
    """Hosts, separated by commas, that tools may call although they are private."""

    def allowed_hosts(self) -> list[str]:
        """Return `tool_allowed_hosts` one by one."""
        return [host.strip() for host in self.tool_allowed_hosts.split(",") if host.strip()]

    def model_access(self) -> Mapping[str, Access]:
        """Return the keys and addresses of model providers, by the providers' names."""
        return {
            name: Access(self._value(provider.key), self._value(provider.address))
            for name, provider in model_providers().items()
        }

    def _value(self, setting: ProviderSetting | None) -> str | None:
        return getattr(self, setting.name) if setting is not None else None


def _provider_fields() -> dict[str, Any]:
    return {
        setting.name: (str | None, _field(setting))
        for provider in model_providers().values()
        for setting in provider.settings
    }


def _field(setting: ProviderSetting) -> Any:
    alias = AliasChoices(*setting.variables, setting.name) if setting.variables else None
    return Field(default=setting.default, validation_alias=alias, description=setting.meaning)


if TYPE_CHECKING:
    Settings = ExecutorSettings
else:
    Settings = create_model(
        "Settings", __base__=ExecutorSettings, __module__=__name__, **_provider_fields()
    )
