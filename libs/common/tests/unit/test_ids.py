import re

from common.ids import new_id


def test_ids_are_unique_url_safe_and_sort_by_time(monkeypatch):
    made = []
    for moment in (1_700_000_000_000, 1_700_000_000_001, 1_900_000_000_000):
        monkeypatch.setattr("common.ids.time.time_ns", lambda moment=moment: moment * 1_000_000)
        made += [new_id("job") for _ in range(50)]
    assert len(set(made)) == 150
    assert all(re.fullmatch(r"job_[0-9a-z]{26}", one) for one in made)
    assert max(made[:50]) < min(made[50:100])
    assert max(made[50:100]) < min(made[100:])
