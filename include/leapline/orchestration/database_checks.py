"""Checks of Airflow's database: that it answers, has this Airflow's schema, and can be decrypted."""

from functools import cache
from pathlib import Path

from leapline.doctor.finding import Finding, NotApplicableError, ok, problem
from leapline.doctor.subject import Subject
from leapline.formatting import quantity


@cache
def database_fault() -> Finding | None:
    """Return what is wrong with Airflow's database; None if nothing."""
    from airflow.settings import engine
    from airflow.utils.db import check_migrations
    from sqlalchemy.exc import SQLAlchemyError

    fix = "Run `airflow db migrate`; `make up` does so for the local Airflow."
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and not Path(file).exists():
        return problem(f"no file {file}", expected="a migrated database", fix=fix)
    try:
        check_migrations(0)
    except TimeoutError:
        return problem(f"{_address()}: migrations are missing", expected="the schema of this Airflow", fix=fix)
    except SQLAlchemyError as exc:
        text = str(getattr(exc, "orig", exc)).strip().splitlines()
        fix = "Start it, or correct AIRFLOW__DATABASE__SQL_ALCHEMY_CONN."
        return problem(f"{_address()}: {text[0] if text else type(exc).__name__}", expected="a database that answers",
                       fix=fix)  # fmt: skip
    return None


def _address() -> str:
    from airflow.settings import engine

    return str(engine.url.render_as_string(hide_password=True))


def require_database() -> None:
    if database_fault():
        raise NotApplicableError("Not examined: Airflow's database cannot be used.")


def database(_: Subject) -> Finding:
    """Check that the database answers and has this Airflow's schema."""
    from airflow import __version__

    return database_fault() or ok(f"Airflow {__version__}, {_address()}")


def stored_secrets() -> Finding:
    """Check that the connections in the database can be decrypted with the present Fernet key."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    require_database()
    unreadable, number = [], 0
    with create_session() as session:
        for conn_id in session.scalars(select(Connection.conn_id)):
            number += 1
            try:
                connection = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
                _ = connection.password, connection.extra
            except Exception:  # cryptography's InvalidToken, or Airflow's own error in its place
                unreadable.append(conn_id)
    if unreadable:
        return problem(
            f"{', '.join(unreadable)} cannot be decrypted",
            expected="connections that were stored with the present AIRFLOW__CORE__FERNET_KEY",
            fix="Restore the former key, or enter these connections again.",
        )
    return ok(f"{quantity(number, 'connection')} decrypted")
