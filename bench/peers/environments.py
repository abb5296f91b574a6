"""The peers, each in an environment of its own, made once in `.bench/` and left alone by ours."""

import subprocess
import sys
from pathlib import Path

from bench.harness.processes import SCRATCH, folder_mb
from bench.harness.workload import CELERY_VERSION, CREWAI_VERSION


def crewai_python() -> Path:
    """Return CrewAI's Python; CrewAI is installed first if it is missing."""
    return _python("crewai", CREWAI_VERSION, "crewai")


def crewai_mb() -> float:
    """The size of its environment."""
    return folder_mb(SCRATCH / "crewai")


def celery_python() -> Path:
    """Return Celery's Python; Celery is installed first if it is missing."""
    return _python("celery", CELERY_VERSION, "celery[redis]")


def _python(name: str, version: str, package: str) -> Path:
    folder = SCRATCH / name
    python, done = folder / "bin" / "python", folder / f"{name}-{version}"
    if not done.exists():
        print(f"Installing {name} {version} into {folder} (once; up to a minute) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", f"{package}=={version}"]
        subprocess.run(install, check=True)
        done.touch()
    return python
