"""The environment of the local Airflow's processes."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from leapline.local.airflow_env import AirflowInstance, environment
from leapline.settings import Settings


@pytest.fixture
def instance(tmp_path: Path) -> AirflowInstance:
    return AirflowInstance(tmp_path / "airflow", 8123)


def test_secrets_are_created_once_and_readable_by_the_owner_only(instance: AirflowInstance) -> None:
    first, again = environment(Settings.load(), instance), environment(Settings.load(), instance)
    for name in ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CORE__FERNET_KEY"):
        assert first[name] == again[name]
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    assert json.loads(instance.passwords_file.read_text()) == {"admin": instance.password()}
    for file in ("secrets.json", "passwords.json"):
        assert stat.S_IMODE((instance.folder / file).stat().st_mode) == 0o600


def test_two_instances_share_no_secret(tmp_path: Path) -> None:
    one, two = (AirflowInstance(tmp_path / name) for name in "ab")
    assert one.password() != two.password()


def test_everything_listens_on_loopback_at_the_configured_port(instance: AirflowInstance) -> None:
    env = environment(Settings.load(), instance)
    assert (env["AIRFLOW__API__HOST"], env["AIRFLOW__API__PORT"]) == ("127.0.0.1", "8123")
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8123/execution/"
    assert env["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_settings_reach_processes_in_other_working_directories(
    instance: AirflowInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("LEAPLINE_SEED=4")
    monkeypatch.chdir(tmp_path)
    env = environment(Settings.load(home=Path("lake"), seed=5, promote=False, pseudonym_key="k" * 32), instance)
    for name in (n for n in env if n.startswith("LEAPLINE_")):
        monkeypatch.setenv(name, env[name])
    monkeypatch.chdir("/")
    loaded = Settings.load()
    assert (loaded.home, loaded.landing_dir) == (tmp_path / "lake", tmp_path / "lake/landing")
    assert (loaded.seed, loaded.promote, loaded.key_bytes()) == (5, False, b"k" * 32)


def test_spark_submit_starts_from_a_path_with_spaces(
    instance: AirflowInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a shop (1)").symlink_to(Path(sys.executable).parents[1])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a shop (1)" / "bin" / "python"))
    monkeypatch.delenv("SPARK_HOME", raising=False)
    env = os.environ | environment(Settings.load(), instance)
    done = subprocess.run(["spark-submit", "--version"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "version 4" in done.stderr


def test_spark_uses_this_interpreter_and_a_configured_connection(
    instance: AirflowInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = environment(Settings.load(spark_master="local[2]"), instance)
    assert "AIRFLOW_CONN_SPARK_DEFAULT" not in env, "it would hide a connection that was edited in the web UI"
    assert env["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert env["PYSPARK_PYTHON"] == sys.executable
    assert env["PATH"].startswith(str(Path(sys.executable).parent))
    monkeypatch.delenv("SPARK_LOCAL_IP", raising=False)
    assert "SPARK_LOCAL_IP" not in environment(Settings.load(spark_master="spark://cluster:7077"), instance)
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", '{"host": "mine"}')
    assert "SPARK_LOCAL_IP" not in environment(Settings.load(), instance)
    assert environment(Settings.load(), instance)["AIRFLOW_CONN_SPARK_DEFAULT"] == '{"host": "mine"}'


def test_every_airflow_option_exists(instance: AirflowInstance) -> None:
    from airflow.configuration import retrieve_configuration_description

    options = {
        f"AIRFLOW__{section.upper()}__{option.upper()}"
        for section, content in retrieve_configuration_description().items()
        for option in content["options"]
    }
    used = {name for name in environment(Settings.load(), instance) if name.startswith("AIRFLOW__")}
    assert used - options == {"AIRFLOW__LEAPLINE__SPARK_POOL"}
