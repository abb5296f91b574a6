import pytest

from common.web.requests import take_request_id


@pytest.mark.parametrize("given", ["", "short", "a" * 129, "with space", "new\nline-----", "é" * 9])
def test_a_request_id_that_is_not_well_formed_is_replaced(given):
    assert take_request_id(given).startswith("req_")


def test_a_well_formed_request_id_is_taken():
    assert take_request_id("trace-0001:a.b") == "trace-0001:a.b"
