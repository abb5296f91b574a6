"""Which tests `make test` keeps together."""

import pytest

from devkit.scheduling import pytest_xdist_auto_num_workers, scope
from kasal_platform.local import finding


@pytest.mark.parametrize(
    ("nodeid", "work"),
    [
        ("tests/journeys/test_api_reference.py::test_crews[stack]", "tests/journeys on stack"),
        ("tests/journeys/test_bus.py::test_it[/v1-stack]", "tests/journeys on stack"),
        (
            "tests/journeys/test_api_reference.py::test_crews[embedded]",
            "tests/journeys on embedded",
        ),
        ("tests/journeys/test_guide.py::test_it[stack-a.md]", "tests/journeys on stack"),
        ("tests/journeys/test_losing.py::test_it", "tests/journeys/test_losing.py"),
        ("tests/console/test_session.py::test_it", "tests/console/"),
        ("libs/common/tests/test_a.py::Test::test_it[a::stack b]", "libs/common/tests/test_a.py"),
        ("libs/common/tests/test_a.py::test_it[haystack]", "libs/common/tests/test_a.py"),
    ],
)
def test_a_file_is_kept_together_and_so_is_a_form_of_the_platform(nodeid: str, work: str) -> None:
    assert scope(nodeid) == work


def test_a_given_server_is_used_by_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in finding.GIVEN_BY:
        monkeypatch.delenv(variable, raising=False)
    assert pytest_xdist_auto_num_workers() > 1
    for variable in finding.GIVEN_BY:
        monkeypatch.setenv(variable, "a url")
        assert pytest_xdist_auto_num_workers() == 0
        monkeypatch.delenv(variable)
    assert sorted(finding.GIVEN_BY) == ["KASAL_TEST_AMQP_URL", "KASAL_TEST_REDIS_URL"]
