"""Names that are shown, ids that are none, and keys in addresses."""

import pytest

from common.contracts import query_keys
from common.contracts.ids import id_fault
from common.contracts.texts import escape, line_fault, look, quote
from common.logs import _one_line

MASK = query_keys.MASK


@pytest.mark.parametrize(
    "name",
    ["a\nb", "a\rb", "a\0b", "a\tb", "a\x1b[31m", "a\u202eb", "a\u2066b", "a\u200bb", "a\ufeffb",
     "a\u2028b", "a\x85b", "\u200d\u200c"],
)  # fmt: skip
def test_what_breaks_a_line_or_is_not_seen_is_no_name(name: str) -> None:
    assert line_fault(name) is not None
    assert escape(name).isprintable() or "\u200d" in name
    assert "\n" not in quote(name)


@pytest.mark.parametrize("name", ["Tea Crew", "Büro", "茶", "می‌خواهم", "👩‍🔬", "\u041e'Brien"])
def test_names_of_any_language_are_names(name: str) -> None:
    assert line_fault(name) is None
    assert escape(name) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [("Writer", "WRITER"), ("Writer", "\uff37riter"), ("paper", "\u0440\u0430\u0440\u0435r"), ("A B", "A\u00a0 B"), ("ab", "a\u200db")],
)  # fmt: skip
def test_names_that_look_the_same_are_known(one: str, other: str) -> None:
    assert look(one) == look(other)
    assert look("Writer") != look("Writer 2")


@pytest.mark.parametrize(
    ("field", "value", "begins", "lists"),
    [
        (
            "crew_id",
            "Tea Crew",
            '"Tea Crew" is no crew id: ids look like crew_…',
            "GET /crews?name=Tea%20Crew",
        ),
        ("job_id", "crew_1", '"crew_1" is no job id', "GET /executions"),
        ("agent_id", "Writer", '"Writer" is no agent id', "GET /agents"),
        ("task_id", "1", '"1" is no task id', "GET /tasks"),
        ("tool_id", "serper", '"serper" is not an id of a custom tool', "GET /tools"),
        ("key_id", "ci", '"ci" is not an id of an API key', "GET /auth/api-keys"),
        ("member_id", "me@example.org", '"me@example.org" is not', "GET /workspace/members"),
        ("crew_id", "crew_a\n", '"crew_a\\n" is no crew id', "GET /crews"),
    ],
)
def test_a_name_sent_for_an_id_is_told_what_to_do(
    field: str, value: str, begins: str, lists: str
) -> None:
    told = id_fault(field, value)
    assert told is not None
    assert told.startswith(begins)
    assert lists in told
    assert "[A-Z" not in told
    assert id_fault("crew_id", "crew_abc123") is None


def test_keys_in_addresses_are_hidden_and_put_back() -> None:
    url = "https://h.example/a?q=tea&api_key=s3cr%26t&keyword=x&appid=abcd1234&empty_key="
    shown = query_keys.mask(url)
    assert shown == f"https://h.example/a?q=tea&api_key={MASK}&keyword=x&appid={MASK}&empty_key="
    assert query_keys.unmask(shown, url) == (url, [])
    assert query_keys.unmask(shown.replace("*", "%2A"), url) == (url, [])
    without = "https://h.example/a?q=tea&keyword=x&empty_key="
    assert query_keys.unmask(shown, None) == (without, ["api_key", "appid"])
    assert query_keys.keys(url) == [("api_key", "s3cr&t"), ("appid", "abcd1234")]
    two = "https://h/?token=a1&token=b2"
    assert query_keys.unmask(query_keys.mask(two), two) == (two, [])


def test_a_name_begins_no_line_of_a_log() -> None:
    event = _one_line(None, "info", {"event": "a crew\nERROR all is lost", "crew": "x\u202ey"})
    assert event == {"event": "a crew\\nERROR all is lost", "crew": "x\\u202ey"}
