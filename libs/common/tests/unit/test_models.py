from common.web.models import failures


def test_the_failures_of_a_route_are_documented_by_status():
    told = failures(409, 412)
    assert {status: entry["description"] for status, entry in told.items()} == {
        409: "Conflict",
        412: "Precondition Failed",
    }
