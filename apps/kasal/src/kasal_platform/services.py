"""The services of the platform, as `services.toml` lists them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_NAME = "services.toml"
FRONT_DOOR = "gateway"
"""The service that clients talk to; it starts last."""


@dataclass(frozen=True, slots=True)
class ProcessNames:
    """The names of a process where it runs in a container."""

    compose: str
    kubernetes: str


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One service of the manifest, whose header explains each field."""

    name: str
    port: int
    database: bool
    needs: tuple[str, ...]
    documented: bool
    processes: Mapping[str, ProcessNames]


def read_services(path: Path) -> dict[str, ServiceEntry]:
    """Return the services that the manifest at `path` lists, in its order.

    Raises `OSError`, or `TypeError` or `KeyError` for an invalid line.
    """
    return {name: _entry(name, given) for name, given in tomllib.loads(path.read_text()).items()}


def _entry(name: str, given: Mapping[str, Any]) -> ServiceEntry:
    processes = {verb: ProcessNames(**names) for verb, names in given["processes"].items()}
    return ServiceEntry(
        name=name, **{**given, "needs": tuple(given["needs"]), "processes": processes}
    )


@cache
def services() -> Mapping[str, ServiceEntry]:
    """Return the services of this installation."""
    packaged = Path(__file__).with_name(_NAME)  # in a wheel; else the repository's own
    return read_services(packaged if packaged.exists() else Path(__file__).parents[4] / _NAME)


def inner_services() -> tuple[str, ...]:
    """Return the names of the services behind the front door."""
    return tuple(name for name in services() if name != FRONT_DOOR)


def keeping_services() -> tuple[str, ...]:
    """Return the names of the services that have a database."""
    return tuple(name for name, service in services().items() if service.database)
