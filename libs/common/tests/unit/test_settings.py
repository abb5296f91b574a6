import pytest

from common.settings import BusSettings, CommonSettings, MongoSettings, PeerSettings, load


class Lists(CommonSettings):
    origins: tuple[str, ...] = ()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith(("KASAL_", "OTEL_")):
            monkeypatch.delenv(name)


def message(kind, **given) -> str:
    with pytest.raises(SystemExit) as ended:
        load(kind, **given)
    assert "\n" not in str(ended.value)
    return str(ended.value)


def test_a_missing_setting_is_named():
    assert message(MongoSettings) == "KASAL_MONGO_URL is not set"


def test_a_wrong_setting_is_named_with_its_value(monkeypatch):
    monkeypatch.setenv("KASAL_PORT", "eighty")
    assert message(CommonSettings).startswith("KASAL_PORT is wrong:")
    assert "'eighty'" in message(CommonSettings)


def test_several_wrong_settings_are_one_line(monkeypatch):
    monkeypatch.setenv("KASAL_PORT", "70000")
    told = message(BusSettings)
    assert "KASAL_PORT is wrong" in told
    assert "KASAL_AMQP_URL is not set" in told


def test_a_secret_is_never_shown(monkeypatch):
    monkeypatch.setenv("KASAL_SERVICE_SECRET", "hunter2")
    told = message(PeerSettings)
    assert "KASAL_SERVICE_SECRET is wrong" in told
    assert "hunter2" not in told


def test_the_password_of_a_url_is_never_shown(monkeypatch):
    monkeypatch.setenv("KASAL_MONGO_URL", "postgres://kasal:hunter2@db/x")
    told = message(MongoSettings)
    assert "hunter2" not in told
    assert "@db/x" in told or "…@" in told


@pytest.mark.parametrize(
    ("url", "is_valid"),
    [
        ("mongodb://a,b:27018,[::1]:27019/x?replicaSet=rs0", True),
        ("mongodb+srv://kasal:pass%2Fword@db.example.com", True),
        ("mongodb://%2Frun%2Fmongodb-27017.sock/x", True),
        ("mongodb://[::1]", True),
        ("mongodb://db:abc/x", False),
        ("mongodb://a:1,b:/x", False),
        ("mongodb://db:65536", False),
        ("mongodb://kasal:hunter2/hunter2@db:27017", False),
    ],
)
def test_the_ports_of_a_url_are_numbers(monkeypatch, url, is_valid):
    monkeypatch.setenv("KASAL_MONGO_URL", url)
    if is_valid:
        assert load(MongoSettings).mongo_url == url
    else:
        told = message(MongoSettings)
        assert told.startswith("KASAL_MONGO_URL is wrong: ")
        assert "the port is not a number up to 65535" in told
        assert "hunter2" not in told


def test_a_list_that_is_not_json_is_one_line(monkeypatch):
    monkeypatch.setenv("KASAL_ORIGINS", "[unquoted")
    assert "origins" in message(Lists)


def test_an_empty_variable_is_none_at_all(monkeypatch):
    monkeypatch.setenv("KASAL_METRICS_PORT", "")
    assert load(CommonSettings).metrics_port is None


def test_the_otlp_endpoint_has_its_usual_name(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert load(CommonSettings).otlp_endpoint == "http://collector:4318"


def test_what_is_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("KASAL_PORT", "9000")
    assert load(CommonSettings, port=9001).port == 9001


def test_files_hold_what_the_environment_does_not(monkeypatch, tmp_path):
    (tmp_path / "kasal_mongo_url").write_text("mongodb://user:hunter2@db\n")
    (tmp_path / "kasal_mongo_database_prefix").write_text("from_the_file_\n")
    monkeypatch.setenv("KASAL_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("KASAL_MONGO_DATABASE_PREFIX", "from_the_environment_")
    settings = load(MongoSettings)
    assert settings.mongo_url == "mongodb://user:hunter2@db"
    assert settings.mongo_database_prefix == "from_the_environment_"


def test_a_file_may_have_a_settings_usual_name(monkeypatch, tmp_path):
    (tmp_path / "otel_exporter_otlp_endpoint").write_text("http://collector:4318\n")
    monkeypatch.setenv("KASAL_SECRETS_DIR", str(tmp_path))
    assert load(CommonSettings).otlp_endpoint == "http://collector:4318"


def test_what_is_wrong_in_a_file_is_named_and_not_shown(monkeypatch, tmp_path):
    (tmp_path / "kasal_service_secret").write_text("hunter2")
    monkeypatch.setenv("KASAL_SECRETS_DIR", str(tmp_path))
    told = message(PeerSettings)
    assert "KASAL_SERVICE_SECRET is wrong" in told
    assert "hunter2" not in told


def test_a_folder_of_secrets_that_is_not_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("KASAL_SECRETS_DIR", str(tmp_path / "none"))
    assert message(CommonSettings).startswith("KASAL_SECRETS_DIR is wrong: there is no folder")
