"""The local Airflow's folder, its secrets (created once) and the environment of its processes."""

import json
import os
import secrets
import sys
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pydantic import SecretStr

from leapline.runtime.spark_master import is_local
from leapline.settings import PREFIX, Settings
from leapline.storage import read_json

ROOT = Path(__file__).resolve().parents[3]
"""The checkout, which contains `dags/` and `plugins/`."""

SPARK_POOL = "leapline_spark"
SPARK_CONNECTION = "spark_default"
CONNECTION_VARIABLE = f"AIRFLOW_CONN_{SPARK_CONNECTION.upper()}"
"""Airflow prefers it to a connection in its database, so it must not be set where people edit the connection."""


@dataclass(frozen=True)
class AirflowInstance:
    """One local Airflow.

    Attributes:
        folder: where its database, secrets and logs are.
        port: loopback port of its web UI and API.
    """

    folder: Path
    port: int = 8080

    @property
    def url(self) -> str:
        """The address of the web UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def passwords_file(self) -> Path:
        """The file from which Airflow's simple auth manager reads the passwords."""
        return self.folder / "passwords.json"

    def password(self) -> str:
        """Return the password of `admin`; created at the first call."""
        return str(_read_or_create(self.passwords_file, {"admin": secrets.token_urlsafe(12)})["admin"])


def environment(settings: Settings, instance: AirflowInstance) -> dict[str, str]:
    """Return the environment of every local Airflow process: the caller's environment, with Airflow configured in it.

    SQLite and LocalExecutor, everything on loopback. It has no Spark connection, unless the caller has defined
    `CONNECTION_VARIABLE`; see `spark_connection`.
    """
    instance.folder.mkdir(parents=True, exist_ok=True)
    instance.password()
    return os.environ | _airflow(instance) | _spark(settings) | _leapline(settings)


def spark_connection(settings: Settings) -> dict[str, str]:
    """Return the Spark connection for the settings, in the form of Airflow's API and of `CONNECTION_VARIABLE`."""
    return {"conn_type": "spark", "host": settings.spark_master, "extra": json.dumps({"deploy-mode": "client"})}


def _airflow(instance: AirflowInstance) -> dict[str, str]:
    keys = _read_or_create(instance.folder / "secrets.json", _new_secrets())
    sections = {
        "CORE": {
            "DAGS_FOLDER": str(ROOT / "dags"),
            "PLUGINS_FOLDER": str(ROOT / "plugins"),
            "LOAD_EXAMPLES": "False",
            "DAGS_ARE_PAUSED_AT_CREATION": "False",
            "EXECUTOR": "LocalExecutor",
            # LocalExecutor starts this many worker processes at once, each of 100 MB or more.
            "PARALLELISM": "4",
            "EXECUTION_API_SERVER_URL": f"{instance.url}/execution/",
            "SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(instance.passwords_file),
            "FERNET_KEY": keys["fernet"],
        },
        "API": {
            "HOST": "127.0.0.1",
            "PORT": str(instance.port),
            "BASE_URL": instance.url,
            "WORKERS": "1",
            "SECRET_KEY": keys["secret"],
        },
        # A changed file is parsed at once all the same. By default the four files are parsed every 30 seconds, although
        # their DAGs depend on nothing else.
        "DAG_PROCESSOR": {"MIN_FILE_PROCESS_INTERVAL": "600"},
        "API_AUTH": {"JWT_SECRET": keys["jwt"]},
        # SQLite's default lock timeout of 5 s is too short while a busy machine starts a scheduler.
        "DATABASE": {"SQL_ALCHEMY_CONN": f"sqlite:///{instance.folder.absolute()}/airflow.db?timeout=20"},
        "LEAPLINE": {"SPARK_POOL": SPARK_POOL},
    }
    flat = {f"AIRFLOW__{s}__{k}": v for s, options in sections.items() for k, v in options.items()}
    return flat | {"AIRFLOW_HOME": str(instance.folder.absolute())}


def _spark(settings: Settings) -> dict[str, str]:
    # Executors on other hosts cannot connect to a driver that listens on loopback.
    is_loopback = CONNECTION_VARIABLE not in os.environ and is_local(settings.spark_master)
    return ({"SPARK_LOCAL_IP": "127.0.0.1"} if is_loopback else {}) | {
        # Otherwise Spark's Python workers use the first `python3` on PATH.
        "PYSPARK_PYTHON": sys.executable,
        # PySpark's own search for this folder runs an interpreter whose path must not contain spaces.
        "SPARK_HOME": os.environ.get("SPARK_HOME") or str(files("pyspark")),
        # The operator looks `spark-submit` up on PATH; pip installs it next to the interpreter.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _leapline(settings: Settings) -> dict[str, str]:
    explicit = {name: getattr(settings, name) for name in settings.model_fields_set}
    paths = {
        "home": settings.home.absolute(),
        "landing": settings.landing or settings.landing_dir.absolute(),
        "tools": settings.tools.absolute(),
    }
    return {f"{PREFIX}{name.upper()}": _plain(value) for name, value in (explicit | paths).items() if value is not None}


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _new_secrets() -> dict[str, str]:
    return {
        "jwt": secrets.token_urlsafe(64),
        "secret": secrets.token_urlsafe(32),
        "fernet": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def _read_or_create(path: Path, content: dict[str, str]) -> dict[str, str]:
    """Return the file's content; if there is no file, create it with `content`, readable by the owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            json.dump(content, out)
    except FileExistsError:
        pass
    stored: dict[str, str] = read_json(path)
    return stored
