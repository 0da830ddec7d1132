"""What the local Airflow runs with: its folder, its secrets (made once, kept) and its environment."""

import json
import os
import secrets
import sys
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from leapline.settings import PREFIX, Settings
from leapline.storage import read_json

ROOT = Path(__file__).resolve().parents[3]
"""The checkout: `dags/` and `plugins/` are there."""

SPARK_POOL = "leapline_spark"


@dataclass(frozen=True)
class Place:
    """One local Airflow: where it keeps everything, and the loopback port of its web UI and API."""

    folder: Path
    port: int = 8080

    @property
    def url(self) -> str:
        """The web UI's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def passwords_file(self) -> Path:
        """Where Airflow's simple auth manager looks the passwords up."""
        return self.folder / "passwords.json"

    def password(self) -> str:
        """The password of `admin`, made once."""
        return str(_once(self.passwords_file, {"admin": secrets.token_urlsafe(12)})["admin"])


def environment(settings: Settings, place: Place) -> dict[str, str]:
    """The environment of every local Airflow process; what the caller's own environment holds comes along.

    SQLite and LocalExecutor, everything on loopback, nothing called home. A connection `spark_default` of the caller's
    own (`AIRFLOW_CONN_SPARK_DEFAULT`) is kept.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    place.password()
    return os.environ | _airflow(place) | _spark(settings) | _leapline(settings)


def _airflow(place: Place) -> dict[str, str]:
    keys = _once(place.folder / "secrets.json", _new_secrets())
    sections = {
        "CORE": {
            "DAGS_FOLDER": str(ROOT / "dags"),
            "PLUGINS_FOLDER": str(ROOT / "plugins"),
            "LOAD_EXAMPLES": "False",
            "DAGS_ARE_PAUSED_AT_CREATION": "False",
            "EXECUTOR": "LocalExecutor",
            # The number of worker processes that are started, each 100 MB and more.
            "PARALLELISM": "4",
            "EXECUTION_API_SERVER_URL": f"{place.url}/execution/",
            "SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(place.passwords_file),
            "FERNET_KEY": keys["fernet"],
        },
        "API": {
            "HOST": "127.0.0.1",
            "PORT": str(place.port),
            "BASE_URL": place.url,
            "WORKERS": "1",
            "SECRET_KEY": keys["secret"],
        },
        "API_AUTH": {"JWT_SECRET": keys["jwt"]},
        # SQLite's own 5 s of waiting for another's writing are too few while a busy machine starts a scheduler.
        "DATABASE": {"SQL_ALCHEMY_CONN": f"sqlite:///{place.folder.absolute()}/airflow.db?timeout=20"},
        "LEAPLINE": {"SPARK_POOL": SPARK_POOL},
    }
    flat = {f"AIRFLOW__{s}__{k}": v for s, options in sections.items() for k, v in options.items()}
    return flat | {"AIRFLOW_HOME": str(place.folder.absolute())}


def _spark(settings: Settings) -> dict[str, str]:
    connection = {"conn_type": "spark", "host": settings.spark_master, "extra": {"deploy-mode": "client"}}
    return {
        "AIRFLOW_CONN_SPARK_DEFAULT": os.environ.get("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection)),
        # Without it Spark's workers pick another interpreter.
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        # `spark-submit` is looked up on the path, and is installed beside the interpreter.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _leapline(settings: Settings) -> dict[str, str]:
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    paths = {
        "home": settings.home.absolute(),
        "landing": settings.landing_dir.absolute(),
        "tools": settings.tools.absolute(),
    }
    return {f"{PREFIX}{name.upper()}": _plain(value) for name, value in (given | paths).items() if value is not None}


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _new_secrets() -> dict[str, str]:
    return {
        "jwt": secrets.token_urlsafe(64),
        "secret": secrets.token_urlsafe(32),
        "fernet": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def _once(path: Path, content: dict[str, str]) -> dict[str, str]:
    """The file's content; written, for the owner's eyes only, if it is not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            json.dump(content, out)
    except FileExistsError:
        pass
    found: dict[str, str] = read_json(path)
    return found
