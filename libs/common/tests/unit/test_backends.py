"""A process that would have a database, a bus or a Redis of its own says so and does not start."""

import pytest

from common.backends import Backends
from common.settings import BusSettings, MongoSettings, RedisSettings
from common.telemetry import Telemetry


def test_a_bus_inside_the_process_is_refused(telemetry: Telemetry) -> None:
    with pytest.raises(SystemExit) as refused:
        Backends().bus(BusSettings(amqp_url="memory://"), telemetry)
    line = str(refused.value.code)
    assert line.startswith("KASAL_AMQP_URL is wrong: ")
    assert "name a RabbitMQ" in line
    assert "kasal-platform run" in line
    assert "\n" not in line


def test_a_redis_inside_the_process_is_refused() -> None:
    with pytest.raises(SystemExit) as refused:
        Backends().redis(RedisSettings(redis_url="memory://"))
    line = str(refused.value.code)
    assert line.startswith("KASAL_REDIS_URL is wrong: ")
    assert "name a Redis" in line
    assert "\n" not in line


def test_databases_in_files_are_refused() -> None:
    with pytest.raises(SystemExit) as refused:
        Backends().database(MongoSettings(mongo_url="sqlite:///data"), "auth")
    line = str(refused.value.code)
    assert line.startswith("KASAL_MONGO_URL is wrong: sqlite:// would be for this process alone")
    assert "name a MongoDB" in line
    assert "kasal-platform run" in line
    assert "\n" not in line
