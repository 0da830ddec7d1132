"""What the local Airflow runs with."""

import json
import stat
import sys
from pathlib import Path

import pytest

from leapline.local.airflow_env import Place, environment
from leapline.settings import Settings


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "airflow", 8123)


def test_secrets_are_made_once_and_for_the_owner_only(place: Place) -> None:
    first, again = environment(Settings.load(), place), environment(Settings.load(), place)
    for name in ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CORE__FERNET_KEY"):
        assert first[name] == again[name]
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    assert json.loads(place.passwords_file.read_text()) == {"admin": place.password()}
    for file in ("secrets.json", "passwords.json"):
        assert stat.S_IMODE((place.folder / file).stat().st_mode) == 0o600


def test_two_places_share_no_secret(tmp_path: Path) -> None:
    one, two = (Place(tmp_path / name) for name in "ab")
    assert one.password() != two.password()


def test_everything_is_on_loopback_at_the_place_s_port(place: Place) -> None:
    env = environment(Settings.load(), place)
    assert (env["AIRFLOW__API__HOST"], env["AIRFLOW__API__PORT"]) == ("127.0.0.1", "8123")
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8123/execution/"
    assert env["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_settings_go_along_whole(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = environment(Settings.load(home=Path("lake"), seed=5, promote=False, pseudonym_key="k" * 32), place)
    for name in (n for n in env if n.startswith("LEAPLINE_")):
        monkeypatch.setenv(name, env[name])
    monkeypatch.chdir("/")
    there = Settings.load()
    assert (there.home, there.landing_dir) == (tmp_path / "lake", tmp_path / "lake/landing")
    assert (there.seed, there.promote, there.key_bytes()) == (5, False, b"k" * 32)


def test_spark_is_the_interpreter_s_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    env = environment(Settings.load(spark_master="local[2]"), place)
    assert json.loads(env["AIRFLOW_CONN_SPARK_DEFAULT"])["host"] == "local[2]"
    assert env["PYSPARK_PYTHON"] == sys.executable
    assert env["PATH"].startswith(str(Path(sys.executable).parent))
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", '{"host": "mine"}')
    assert environment(Settings.load(), place)["AIRFLOW_CONN_SPARK_DEFAULT"] == '{"host": "mine"}'


def test_options_are_airflow_s_own(place: Place) -> None:
    from airflow.configuration import retrieve_configuration_description

    known = {
        f"AIRFLOW__{section.upper()}__{option.upper()}"
        for section, content in retrieve_configuration_description().items()
        for option in content["options"]
    }
    used = {name for name in environment(Settings.load(), place) if name.startswith("AIRFLOW__")}
    assert used - known == {"AIRFLOW__LEAPLINE__SPARK_POOL"}
