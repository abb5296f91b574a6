"""The databases that a bench's side works with: files of SQLite in its own process, or SecantusDB beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.harness.processes import cpu_seconds
from kasal_platform.local import secantus

KINDS = ("sqlite", "secantus")


@dataclass(frozen=True)
class BenchDatabase:
    """A database for `mongo_url`. `pid` is its process, None if it is in the one that uses it."""

    kind: str
    url: str
    pid: int | None = None

    @property
    def bus_url(self) -> str:
        """The URL of a bus in the process: its file is beside those of databases."""
        return self.url if self.kind == "sqlite" else "memory://"

    @property
    def shares_process(self) -> bool:
        """Say whether all services share one process with the database, as in `make run`."""
        return self.pid is None

    def cpu_seconds(self) -> float:
        """Return the CPU that its own process has used; 0 without one."""
        return 0.0 if self.pid is None else cpu_seconds(self.pid)


@contextmanager
def bench_database(kind: str, folder: Path) -> Iterator[BenchDatabase]:
    """Yield an empty database of a kind, with its data in `folder`."""
    if kind == "sqlite":
        yield BenchDatabase(kind, f"sqlite://{folder.resolve()}")
        return
    program = secantus.program(folder / "mongo")
    program.start()
    try:
        program.wait()
        yield BenchDatabase(kind, program.url, program.pid)
    finally:
        program.stop()
