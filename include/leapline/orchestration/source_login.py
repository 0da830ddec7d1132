"""The Airflow connection that has address and login of the events' database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from leapline.errors import SettingsError
from leapline.orchestration.environment import set_variables
from leapline.settings import Settings

STEPS: Final = frozenset({"extract", "late"})
"""The steps that read the source of the events."""
_EXTRAS: Final[Mapping[str, str]] = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


@contextmanager
def source_login(settings: Settings, step: str) -> Iterator[None]:
    """Set libpq's variables from the connection while a step's program is started, which inherits them.

    Args:
        settings: of the run.
        step: the step; the variables are only set for those of `STEPS`.

    Raises:
        SettingsError: there is no such connection, or it is of another type.
    """
    variables = libpq_variables(settings.source_connection) if settings.source_connection and step in STEPS else {}
    with set_variables(variables):
        yield


def libpq_variables(conn_id: str) -> dict[str, str]:
    """Return libpq's variables for what a connection contains.

    Args:
        conn_id: of an Airflow connection of type Postgres.

    Raises:
        SettingsError: there is no such connection, or it is of another type.
    """
    connection = _connection(conn_id)
    values = {
        "PGHOST": connection.host,
        "PGPORT": connection.port,
        "PGDATABASE": connection.schema,
        "PGUSER": connection.login,
        "PGPASSWORD": connection.password,
    }
    extras = connection.extra_dejson
    values |= {variable: extras.get(name) for name, variable in _EXTRAS.items()}
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def _connection(conn_id: str) -> Any:
    thing = f"Airflow's connection {conn_id} (LEAPLINE_SOURCE_CONNECTION)"
    fix = "Create it in Airflow under Admin > Connections, or leave the setting empty."
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise SettingsError(thing, found="no such connection", expected="one of type Postgres", fix=fix) from None
    if connection.conn_type not in ("postgres", "postgresql"):
        raise SettingsError(thing, found=f"type {connection.conn_type}", expected="type Postgres", fix=fix)
    return connection
