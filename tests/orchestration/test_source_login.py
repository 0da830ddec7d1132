"""Address and login of the events' database come from an Airflow connection, through the environment alone."""

import json
import os
from pathlib import Path

import pytest

from leapline.errors import SettingsError
from leapline.orchestration.source_login import source_login
from leapline.settings import Settings
from tests.orchestration.test_operators import ResolvedTask

CONNECTION = {
    "conn_type": "postgres", "host": "db.shop.example", "port": 5433, "schema": "snowplow", "login": "leapline",
    "password": "p%@/ss", "extra": {"sslmode": "verify-full", "sslrootcert": "/ca.pem"},
}  # fmt: skip
SETTINGS = Settings(source="postgresql://", source_connection="snowplow")


@pytest.fixture(autouse=True)
def _connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIRFLOW_CONN_SNOWPLOW", json.dumps(CONNECTION))


def libpq() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("PG")}


@pytest.mark.parametrize("step", ["extract", "late"])
def test_steps_that_read_events_get_the_login_only_while_they_are_started(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGUSER", "another")
    with source_login(SETTINGS, step):
        assert libpq() == {
            "PGHOST": "db.shop.example", "PGPORT": "5433", "PGDATABASE": "snowplow", "PGUSER": "leapline",
            "PGPASSWORD": "p%@/ss", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/ca.pem",
        }  # fmt: skip
    assert libpq() == {"PGUSER": "another"}


def test_other_steps_do_not_get_the_login() -> None:
    with source_login(SETTINGS, "train"):
        assert libpq() == {}


@pytest.mark.parametrize(
    ("conn_id", "problem"), [("nowhere", "no such connection"), ("spark", "type spark; expected type Postgres")]
)
def test_unusable_connection_is_named(conn_id: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK", json.dumps({"conn_type": "spark", "host": "local[*]"}))
    settings = Settings(source="postgresql://", source_connection=conn_id)
    with (
        pytest.raises(SettingsError, match=f"connection {conn_id} .*: found {problem}"),
        source_login(settings, "extract"),
    ):
        pass


def test_password_reaches_the_step_in_its_environment_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from leapline.orchestration.operators import SparkStep

    submit = tmp_path / "bin" / "spark-submit"
    submit.parent.mkdir()
    submit.write_text(f'#!/bin/sh\nprintenv PGPASSWORD >{tmp_path}/password\necho "$@" >{tmp_path}/arguments\n')
    submit.chmod(0o755)
    for name, value in {
        "PATH": f"{submit.parent}{os.pathsep}{os.environ['PATH']}", "LEAPLINE_HOME": str(tmp_path / "lake"),
        "LEAPLINE_SOURCE": "postgresql://", "LEAPLINE_SOURCE_CONNECTION": "snowplow",
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[*]"}),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SPARK_HOME", raising=False)
    with caplog.at_level("DEBUG"):
        summary = SparkStep(step="extract").execute({"ti": ResolvedTask(), "run_id": "r"})  # type: ignore[typeddict-item]
    assert (tmp_path / "password").read_text() == "p%@/ss\n"
    assert "extract.py" in (tmp_path / "arguments").read_text()
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.name != "password"]
    assert not any("p%@/ss" in text for text in (*written, caplog.text, json.dumps(summary)))
