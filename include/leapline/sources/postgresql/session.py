"""Sessions of PostgreSQL that read and never write. Address and login are libpq's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from leapline.errors import SettingsError
from leapline.sources.postgresql.errors import named_errors

_SETTINGS: Final = (
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    # A row security policy then is an error; otherwise it would silently leave out rows.
    "SET LOCAL row_security = off",
)


@contextmanager
def session(address: str, thing: str, snapshot: str | None = None) -> Iterator["psycopg.Connection[Any]"]:
    """Yield a connection with a transaction that reads one state of the database.

    Args:
        address: libpq's URI.
        thing: the source's name, for messages.
        snapshot: of another session, whose state is read; None for the state at the first statement.

    Raises:
        SourceError: the database does not answer, or ended the session.
        SourceUnusableError: it rejects the login, or a statement.
    """
    with named_errors(thing), psycopg.connect(**_parameters(address), prepare_threshold=None) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        if snapshot:
            connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        for statement in _SETTINGS:
            connection.execute(statement)
        yield connection


def require_address(address: str) -> None:
    """Check that libpq can read an address.

    Raises:
        SettingsError: it has an unknown parameter or a wrong form. The message does not contain it.
    """
    try:
        conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        raise SettingsError(
            "setting source (LEAPLINE_SOURCE)",
            found="an address that libpq cannot read, such as one with an unknown parameter",
            expected="postgresql://host:port/database, with parameters of libpq",
            fix="Correct it; schema and table are named by LEAPLINE_SOURCE_TABLE.",
        ) from None


def described(address: str) -> str:
    """Return host and database of an address for messages, without the login."""
    given = conninfo_to_dict(address)
    host, port = given.get("host") or os.environ.get("PGHOST"), given.get("port") or os.environ.get("PGPORT")
    name = given.get("dbname") or os.environ.get("PGDATABASE")
    service = given.get("service") or os.environ.get("PGSERVICE")
    parts = [f"{host}{f':{port}' if port else ''}" if host else "", f"/{name}" if name else ""]
    return "".join(parts) or (f"service {service}" if service else "libpq's default address")


def _parameters(address: str) -> dict[str, Any]:
    """Return the address with limits, unless it has its own, so that a server that is silent is noticed."""
    limits = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6}
    if "PGCONNECT_TIMEOUT" not in os.environ:
        limits["connect_timeout"] = 10
    return {**limits, "fallback_application_name": "leapline", "client_encoding": "UTF8", **conninfo_to_dict(address)}
