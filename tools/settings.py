"""Make the README's table of settings out of the services' config classes.

`python tools/settings.py` writes it; with `--check` it only says whether it is up to date. A meaning is
the docstring below the field, a default the field's own.
"""

import argparse
import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openapi import ROOT, write_or_check
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

import kasal_platform.config
from common.settings import CommonSettings
from executor.models.provider import model_providers
from kasal_platform.services import FRONT_DOOR, inner_services

TARGET = ROOT / "README.md"
_BEGIN = "<!-- settings: made by tools/settings.py -->"
_END = "<!-- end of settings -->"

_SERVICES = (FRONT_DOOR, *inner_services())
_READERS: dict[str, type[CommonSettings]] = {
    **{name: importlib.import_module(f"{name}.config").Settings for name in _SERVICES},
    "make run": kasal_platform.config.Settings,
}

_TOPICS = {
    "Where things are": (
        "host port metrics_port mongo_url mongo_database_prefix mongo_timeout_ms migrate_on_start amqp_url redis_url "
        "auth_url crews_url executor_url events_url peer_timeout data_dir durable files_dir"
    ),
    "Secrets": "secrets_dir service_secret secret_key sandbox_token",
    "Logs and traces": "log_level log_format otlp_endpoint",
    "Models and tools": " ".join(
        [
            *(one.name for provider in model_providers().values() for one in provider.settings),
            "model_fallback model_patience tavily_api_key brave_api_key code_runner tool_allowed_hosts mcp_stdio",
        ]
    ),
    "Users and tokens": (
        "registration plan_changes access_ttl refresh_ttl signing_key_days smtp_url mail_from demo "
        "demo_email demo_password"
    ),
    "The door": (
        "maintenance maintenance_retry_after allowed_hosts cors_origins trusted_proxies max_body open_route_limit "
        "refused_token_limit handshake_limit upstream_timeout upstream_connections"
    ),
    "Running jobs": (
        "max_file_mb workspace_files_mb workspace_files crew_limit tool_limit endpoint_limit mcp_server_limit memory_key_limit queue_limit workspace_storage_mb worker_slots worker_reserve workers batch_linger for_each_limit max_lost_claims lease_beat lease_silence store_patience drain_seconds shutdown_grace"
    ),
    "Live events": (
        "allowed_origins socket_limit workspace_socket_limit subscription_limit client_frame_bytes "
        "client_message_limit "
        "authenticate_seconds slow_client_seconds heads_seconds heartbeat_seconds "
        "relay_queue_length"
    ),
}


@dataclass
class Setting:
    """One variable, with what each process that reads it makes of it."""

    variable: str
    defaults: dict[str, str] = field(default_factory=dict)
    meanings: list[str] = field(default_factory=list)

    def row(self) -> str:
        """Return its line of the table."""
        meaning = " ".join(self.meanings)
        return f"| {self.variable} | {self._readers()} | {self._default()} | {meaning} |"

    def _readers(self) -> str:
        read = set(self.defaults)
        if read == set(_READERS):
            return "all"
        return "all services" if read == set(_SERVICES) else ", ".join(self.defaults)

    def _default(self) -> str:
        first = next(iter(self.defaults.values()))
        others = [f"{name} {told}" for name, told in self.defaults.items() if told != first]
        return "; ".join([first, *others])


def table() -> str:
    """Return the table, grouped by topic."""
    known = _settings()
    topics = {name: names.split() for name, names in _TOPICS.items()}
    strays = set(known) ^ {name for names in topics.values() for name in names}
    if strays:
        sys.exit(
            f"tools/settings.py: {', '.join(sorted(strays))} has no topic, or is none any more."
        )
    lines = ["| setting | read by | default | meaning |", "|---|---|---|---|"]
    for topic, names in topics.items():
        lines.append(f"| **{topic}** | | | |")
        lines += [known[name].row() for name in names]
    return "\n".join(lines)


def _settings() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for reader, kind in _READERS.items():
        meanings = _meanings(kind)
        for name, info in kind.model_fields.items():
            if name not in meanings:
                sys.exit(f"{kind.__module__}: the setting {name} has no docstring below it.")
            setting = found.setdefault(name, Setting(_variable(name, info)))
            setting.defaults[reader] = _default_text(info)
            if meanings[name] not in setting.meanings:
                setting.meanings.append(meanings[name])
    return found


def _variable(name: str, info: FieldInfo) -> str:
    alias = info.validation_alias
    if not isinstance(alias, AliasChoices):
        return f"`KASAL_{name.upper()}`"
    return " or ".join(f"`{choice}`" for choice in alias.choices if str(choice).isupper())


def _default_text(info: FieldInfo) -> str:
    value: Any = info.default
    if info.is_required():
        return "must be set"
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _meanings(kind: type[CommonSettings]) -> dict[str, str]:
    """Return what each field of `kind` means, as the class itself or the nearest base tells it.

    Fields that are made, not written, have a description.
    """
    fields = kind.model_fields.items()
    told = {name: field.description for name, field in fields if field.description}
    for base in kind.__mro__:
        if issubclass(base, CommonSettings):
            told = {**dict(_docstrings(base)), **told}
    return told


def _docstrings(kind: type) -> Iterator[tuple[str, str]]:
    try:
        source = inspect.getsource(kind)
    except OSError:  # a class that is made, not written
        return
    [described] = ast.parse(textwrap.dedent(source)).body
    assert isinstance(described, ast.ClassDef)  # noqa: S101 - the source of a class is one
    for line, below in zip(described.body, described.body[1:], strict=False):
        match line, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())


def with_table(document: str) -> str:
    """Return `document` with the table between its markers."""
    head, begin, rest = document.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        sys.exit(f"{TARGET.name} lacks the markers {_BEGIN} and {_END}")
    return f"{head}{_BEGIN}\n{table()}\n{_END}{tail}"


def main() -> None:
    """Write the table, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    arguments = parser.parse_args()
    text = with_table(Path(TARGET).read_text())
    write_or_check(TARGET, text, check=arguments.check, command="python tools/settings.py")


if __name__ == "__main__":
    main()
