"""The peers, each in an environment of its own, made once in `.bench/` and left alone by ours."""

import subprocess
import sys
from pathlib import Path

from bench.harness.processes import SCRATCH, folder_mb
from bench.harness.workload import (
    CELERY_VERSION,
    CREWAI_VERSION,
    DBOS_VERSION,
    LANGGRAPH_SQLITE_VERSION,
    LANGGRAPH_VERSION,
)


def crewai_python() -> Path:
    """Return CrewAI's Python; CrewAI is installed first if it is missing."""
    return _python("crewai", f"crewai=={CREWAI_VERSION}")


def crewai_mb() -> float:
    """The size of its environment."""
    return folder_mb(SCRATCH / "crewai")


def celery_python() -> Path:
    """Return Celery's Python; Celery is installed first if it is missing."""
    return _python("celery", f"celery[redis]=={CELERY_VERSION}")


def langgraph_python() -> Path:
    """Return the Python of LangGraph and its SQLite checkpointer, installed first if missing."""
    sqlite = f"langgraph-checkpoint-sqlite=={LANGGRAPH_SQLITE_VERSION}"
    return _python("langgraph", f"langgraph=={LANGGRAPH_VERSION}", sqlite)


def dbos_python() -> Path:
    """Return DBOS' Python; DBOS is installed first if it is missing."""
    return _python("dbos", f"dbos=={DBOS_VERSION}")


def _python(name: str, *packages: str) -> Path:
    folder = SCRATCH / name
    versions = "-".join(package.partition("==")[2] for package in packages)
    python, done = folder / "bin" / "python", folder / f"{name}-{versions}"
    if not done.exists():
        print(
            f"Installing {' '.join(packages)} into {folder} (once; up to a minute) ...", flush=True
        )
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
        done.touch()
    return python
