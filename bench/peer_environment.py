"""CrewAI in an environment of its own, made once in `.bench/crewai` and left alone by ours."""

import subprocess
import sys
from pathlib import Path

from processes import SCRATCH, folder_mb
from workload import CREWAI_VERSION

_FOLDER = SCRATCH / "crewai"


def crewai_python() -> Path:
    """Return its Python; CrewAI is installed first if it is missing."""
    python = _FOLDER / "bin" / "python"
    done = _FOLDER / f"crewai-{CREWAI_VERSION}"
    if not done.exists():
        print(f"Installing CrewAI {CREWAI_VERSION} into {_FOLDER} (once; a minute) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_FOLDER)], check=True)
        wanted = f"crewai=={CREWAI_VERSION}"
        subprocess.run([str(python), "-m", "pip", "install", "-q", wanted], check=True)
        done.touch()
    return python


def crewai_mb() -> float:
    """The size of its environment."""
    return folder_mb(_FOLDER)
