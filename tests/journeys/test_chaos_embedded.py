"""The chaos journey of the embedded form in short: its only process is killed again and again.

`make chaos EMBEDDED=1` is the long form.
"""

from pathlib import Path

import pytest
from chaos.faults import embedded_plan
from chaos.journey import Options, run

_SEED = 7
_JOBS, _FAULTS = 20, 4


@pytest.mark.own_platform
@pytest.mark.timeout(1_800)
async def test_nothing_is_lost_when_the_only_process_is_killed(tmp_path: Path) -> None:
    faults = embedded_plan(_SEED, _FAULTS)
    report = await run(Options(_JOBS, _SEED, 8.0, faults, embedded=True, patience=900.0), tmp_path)
    assert report.kept, report.text()
    assert sum(report.ended.values()) == _JOBS
    assert len(report.faults) == len(faults)
    assert report.notes["most attempts"] > 1, "no fault hit a running job"
