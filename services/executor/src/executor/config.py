"""Settings of the executor, for its `api` and its `worker` processes."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field, create_model
from pydantic_core import PydanticCustomError

from common.settings import BusSettings, MongoSettings, PeerSettings, ToolHostSettings
from executor.models.connections import Access
from executor.models.provider import ProviderSetting, model_providers


def _refuse_folder(folder: str) -> str:
    if folder:
        raise PydanticCustomError(
            "folder",
            "files are kept in the database now. Bring those of the folder over with `kasal-platform import-files "
            "FOLDER`, then unset KASAL_FILES_DIR",
        )
    return folder


class ExecutorSettings(MongoSettings, BusSettings, PeerSettings, ToolHostSettings):
    """What the executor reads from the environment, except what model providers declare.

    Times are seconds.
    """

    port: int = Field(default=8003, ge=0, le=65_535)
    crews_url: str = "http://127.0.0.1:8002"
    """The address of crews."""

    worker_slots: int = Field(default=200, ge=1, le=10_000)
    """Jobs that one worker process runs at once."""
    worker_reserve: float = Field(default=0.1, ge=0, le=1)
    """Places beyond the slots, as a share of the slots, for workspaces that have few jobs at this worker."""
    queue_limit: int = Field(default=10_000, ge=1)
    """Jobs of one workspace that may wait for a worker; beyond that, the answer is 429."""
    workspace_storage_mb: int = Field(default=10_000, ge=0)
    """Roughly how much one workspace's ended executions may occupy, in millions of bytes; 0 is no limit."""
    for_each_limit: int = Field(default=1_000, ge=1, le=1_000)
    """How many entries a list may have that a task is done for, one by one; a crew's `max_items` may be lower."""
    max_lost_claims: int = Field(default=5, ge=1, le=100)
    """How many workers a job may lose in a row before it ends with `ATTEMPTS_EXHAUSTED`."""
    lease_beat: float = Field(default=0.5, gt=0, le=10)
    """Seconds between two beats of a worker's lease."""
    lease_silence: float = Field(default=2.0, gt=0, le=60)
    """Seconds without a beat after which other workers take over a worker's jobs."""
    drain_seconds: float = Field(default=120.0, ge=0, le=3_600)
    """Seconds that a worker that is told to stop waits for calls in progress that must not be made twice. It
    hands all other jobs to other workers at once. Wait 20 s longer than this before you kill it."""
    store_patience: float = Field(default=30.0, gt=0, le=600)
    """Seconds that a run waits for a store that is down before its worker gives it up."""

    model_fallback: Literal["", "offline"] = ""
    """`offline` lets the offline model answer for providers without a key."""
    model_patience: float = Field(default=300.0, gt=0, le=86_400)
    """Seconds for which a model request is retried while its provider is down or refuses temporarily."""
    tavily_api_key: str | None = Field(
        default=None, validation_alias=AliasChoices("TAVILY_API_KEY", "tavily_api_key")
    )
    """Makes `web_search` use Tavily."""
    brave_api_key: str | None = Field(
        default=None, validation_alias=AliasChoices("BRAVE_API_KEY", "brave_api_key")
    )
    """Makes `web_search` use Brave."""
    max_file_mb: int = Field(default=1_000, ge=1, le=1_000_000)
    """The largest file that can be uploaded or kept, in millions of bytes."""
    workspace_files_mb: int = Field(default=10_000, ge=0)
    """How much the files of one workspace may take, artifacts included, in millions of bytes; 0 is no limit."""
    workspace_files: int = Field(default=10_000, ge=0)
    """How many files one workspace may keep, artifacts included; 0 is no limit."""
    files_dir: Annotated[str, AfterValidator(_refuse_folder)] = ""
    """Gone: files are kept in the database. While it is set, no process starts; `kasal-platform import-files` brings the
    files of its folder over."""
    code_runner: str = ""
    """The command of your sandbox for the tool `code_runner`: it gets Python code on its standard input. Without
    it there is no such tool."""

    def code_runner_command(self) -> list[str]:
        """Return `code_runner` as a command and its arguments. Raises `ValueError` for open quotes."""
        return shlex.split(self.code_runner)

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
