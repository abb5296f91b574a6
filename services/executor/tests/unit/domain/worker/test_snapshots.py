"""Jobs of one crew hold its snapshot once."""

import gc
import weakref
from datetime import UTC, datetime

from executor_testkit.crews import crew_snapshot

from common.contracts.crew import ToolSnapshot
from executor.domain.log.execution import Execution
from executor.domain.worker.snapshots import SharedSnapshots


def job(number: int, crew_id: str = "crew_abc123", **changes: object) -> Execution:
    return Execution(
        job_id=f"job_{number}",
        workspace_id="ws_test",
        crew_id=crew_id,
        created_at=datetime(2026, 11, 28, tzinfo=UTC),
        snapshot=crew_snapshot(crew_id, **changes),
    )


def test_jobs_of_the_same_crew_have_one_snapshot():
    snapshots = SharedSnapshots()
    first, second = snapshots.share(job(1)), snapshots.share(job(2))
    assert second.snapshot is first.snapshot
    assert second.job_id == "job_2"


def test_a_job_of_a_changed_crew_keeps_its_own_snapshot():
    snapshots = SharedSnapshots()
    snapshots.share(job(1))
    changed = snapshots.share(job(2, name="Renamed"))
    assert changed.snapshot is not None
    assert changed.snapshot.name == "Renamed"
    assert snapshots.share(job(3, name="Renamed")).snapshot is changed.snapshot


def test_a_job_without_a_snapshot_stays_without_one():
    bare = Execution("job_1", "ws_test", "crew_abc123", datetime(2026, 11, 28, tzinfo=UTC))
    assert SharedSnapshots().share(bare) is bare


def test_a_snapshot_is_held_no_longer_than_its_jobs():
    snapshots = SharedSnapshots()
    shared = snapshots.share(job(1))
    held = weakref.ref(shared.snapshot)
    del shared
    gc.collect()
    assert held() is None


def test_values_that_are_equal_but_not_the_same_are_not_shared():
    snapshots = SharedSnapshots()
    kept = []
    for number, value in enumerate((1, True, 1.0)):
        tool = ToolSnapshot(tool_id="t", name="t", parameters={"const": value})
        kept.append(snapshots.share(job(number, tools=[tool])))
    found = [one.snapshot.tools[0].parameters["const"] for one in kept]
    assert [type(value) for value in found] == [int, bool, float]
