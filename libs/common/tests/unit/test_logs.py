import json
import logging
import sys

import pytest
import structlog
from structlog.contextvars import clear_contextvars

from common.logs import bind_service, bound, configure_logging, get_logger


@pytest.fixture(autouse=True)
def _as_before():
    held, level, configured = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    logging.root.handlers[:] = held
    logging.root.setLevel(level)
    structlog.configure(**configured)
    clear_contextvars()


def line(capsys) -> dict[str, object]:
    return json.loads(capsys.readouterr().err)


def test_a_line_is_json_with_the_ids_at_hand(capsys):
    configure_logging("INFO", "json")
    bind_service("executor")
    with bound(job_id="job_1"):
        get_logger("tests").info("a job began", tasks=3)
    told = line(capsys)
    assert told["event"] == "a job began"
    assert (told["service"], told["job_id"], told["tasks"]) == ("executor", "job_1", 3)
    assert (told["level"], told["logger"]) == ("info", "tests")
    assert str(told["timestamp"]).endswith("Z")


def test_what_other_libraries_log_has_the_same_form(capsys):
    configure_logging("INFO", "json")
    logging.getLogger("some.library").warning("odd: %s", 5)
    assert line(capsys)["event"] == "odd: 5"


def test_lines_below_the_level_are_not_written(capsys):
    configure_logging("WARNING", "json")
    get_logger("tests").info("quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("style", ["json", "pretty"])
def test_a_traceback_shows_no_local_variable(capsys, style):
    configure_logging("INFO", style)
    try:
        password = "hunter2".upper()
        raise ValueError(f"of length {len(password)}")
    except ValueError:
        get_logger("tests").exception("it failed")
    told = capsys.readouterr().err
    assert "of length 7" in told
    assert "HUNTER2" not in told
    assert sys.exc_info() == (None, None, None)
