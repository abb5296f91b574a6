"""The chaos journey in short: everything is killed or paused once, and each job ends once all the same.

`make chaos` is the long form, `test_chaos_embedded.py` the same for the embedded form.
"""

from pathlib import Path

import pytest
from chaos.faults import short_plan
from chaos.journey import Options, run

_SEED = 7
_JOBS = 30


@pytest.mark.own_platform
@pytest.mark.timeout(1_800)
async def test_nothing_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    faults = short_plan(_SEED)
    report = await run(Options(_JOBS, _SEED, 20.0, faults, patience=900.0), tmp_path)
    assert report.kept, report.text()
    assert sum(report.ended.values()) == _JOBS
    assert len(report.faults) == len(faults)
    assert report.notes["most attempts"] > 1, "no fault hit a running job"
