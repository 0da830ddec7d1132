"""The checks of `leapline doctor` that need Airflow's code and environment: database, heartbeats, DAGs, connections.

    python -m leapline.orchestration.airflow_checks --out FD

Writes a JSON list of findings, `{"part", "status", "found", "expected", "fix"}`, to the file descriptor. Nothing needs
to run: state is read from Airflow's database, DAG files are imported here.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from leapline.doctor import events, keys
from leapline.doctor.finding import Finding, NotApplicableError, from_error, ok, problem, warning
from leapline.doctor.runner import Check, run_checks
from leapline.doctor.subject import Subject
from leapline.errors import LeaplineError, SettingsError
from leapline.formatting import quantity
from leapline.orchestration.alerts import channel_for
from leapline.orchestration.aws_login import aws_login, aws_variables
from leapline.orchestration.registry_login import docker_logins, registry_login
from leapline.orchestration.signing_login import with_signing_key
from leapline.orchestration.source_login import libpq_variables, source_login
from leapline.orchestration.spark_connection import require_client_mode
from leapline.settings import Settings

NIGHTLY: Final = "retrain"
SPARK_CONNECTION: Final = "spark_default"
_FIX_CONNECTION: Final = "Correct it in Airflow under Admin > Connections, or the setting that names it."


def main() -> None:
    """Run the checks and write their findings."""
    parser = argparse.ArgumentParser(prog="leapline.orchestration.airflow_checks")
    parser.add_argument("--out", type=int, required=True, metavar="FD", help="file descriptor for the findings")
    parser.add_argument("--local", action="store_true", help="whether this Airflow is started and stopped by hand")
    args = parser.parse_args()
    results = run_checks(checks(args.local), Subject())
    with os.fdopen(args.out, "w") as out:
        json.dump([asdict(replace(result.finding, part=result.name)) for result in results], out)
    _close_database()
    # Threads of checks that are late must not keep the program alive.
    os._exit(0)


def _close_database() -> None:
    """SQLite keeps two more files while a connection is open."""
    from airflow.settings import dispose_orm

    with suppress(Exception):
        dispose_orm(do_log=False)


def checks(is_local: bool) -> list[Check]:
    """Return the checks; a local Airflow may be stopped."""
    functions: list[tuple[str, Callable[[Subject], Finding | list[Finding]]]] = [
        ("database", database),
        ("heartbeats", lambda _: heartbeats(is_local)),
        ("DAG files", dag_files),
        ("DAGs", lambda _: dags()),
        ("last DAG runs", last_dag_runs),
        ("stored secrets", lambda _: stored_secrets()),
        ("connection", connections),
        ("registry login", registry_with_login),
        ("event source", source_with_login),
        ("signing key", signing_key),
    ]
    return [Check("Airflow", name, function, limit_s=25.0) for name, function in functions]


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


def _require_database() -> None:
    if database_fault():
        raise NotApplicableError("Not examined: Airflow's database cannot be used.")


def database(_: Subject) -> Finding:
    """Check that the database answers and has this Airflow's schema."""
    from airflow import __version__

    return database_fault() or ok(f"Airflow {__version__}, {_address()}")


def heartbeats(is_local: bool) -> Finding:
    """Check that scheduler, DAG processor and triggerer are alive."""
    from airflow.api.common.airflow_health import get_airflow_health

    _require_database()
    health = get_airflow_health()
    parts = {name: health[name]["status"] == "healthy" for name in ("scheduler", "dag_processor", "triggerer")}
    if all(parts.values()):
        return ok(f"scheduler, DAG processor and triggerer are alive; scheduler {_last(health, 'scheduler')}")
    down = [f"{name.replace('_', ' ')} ({_last(health, name)})" for name, alive in parts.items() if not alive]
    expected = "all alive; without a scheduler no nightly run starts"
    if is_local and not any(parts.values()):
        return warning("Airflow is stopped", expected=expected, fix="Start it with `make up`.")
    fix = "Start them; their logs have the reason why they ended."
    return problem(f"no heartbeat: {', '.join(down)}", expected=expected, fix=fix)


def _last(health: dict[str, Any], part: str) -> str:
    return f"last heartbeat {str(health[part][f'latest_{part}_heartbeat'] or 'never')[:19]}"


def dag_files(_: Subject) -> list[Finding]:
    """Import every DAG file."""
    from airflow.dag_processing.dagbag import DagBag

    _require_database()
    bag = DagBag()
    if bag.import_errors:
        return [
            problem(f"{file}: {text.strip().splitlines()[-1][:300]}", expected="a file that can be imported",
                    fix="Correct the file, or the setting that the message names.")
            for file, text in bag.import_errors.items()
        ]  # fmt: skip
    if NIGHTLY not in bag.dags:
        fix = "Let AIRFLOW__CORE__DAGS_FOLDER name the folder `dags` of the checkout."
        return [problem(f"no DAG {NIGHTLY} in {bag.dag_folder}", expected="Leapline's DAGs", fix=fix)]
    return [ok(", ".join(sorted(bag.dags)))]


def dags() -> Finding:
    """Check that the nightly DAG is not paused."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    _require_database()
    with create_session() as session:
        model = session.get(DagModel, NIGHTLY)
        if model is None:
            return warning(f"{NIGHTLY} is not in the database", expected="a DAG that the DAG processor has read",
                           fix="Start Airflow (`make up`), or look at the log of the DAG processor.")  # fmt: skip
        if model.is_paused:
            fix = f"Unpause it in the web UI, or with `leapline airflow dags unpause {NIGHTLY}`."
            return warning(f"{NIGHTLY} is paused", expected="a DAG that runs every night", fix=fix)
        return ok(f"{NIGHTLY} is not paused; next run {str(model.next_dagrun_create_after or 'none')[:16]}")


def last_dag_runs(subject: Subject) -> list[Finding]:
    """Report how the last finished run of each DAG ended, and why it failed."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    _require_database()
    findings: dict[str, Finding] = {}
    with create_session() as session:
        finished = DagRun.state.in_(("success", "failed"))
        for run in session.scalars(select(DagRun).where(finished).order_by(DagRun.end_date.desc()).limit(200)):
            if run.dag_id not in findings:
                findings[run.dag_id] = _run_finding(subject, run).of(run.dag_id)
    if not findings:
        raise NotApplicableError("No DAG run has finished yet.")
    return [findings[dag_id] for dag_id in sorted(findings)]


def _run_finding(subject: Subject, run: Any) -> Finding:
    from leapline.records.runs import run_outcome

    if run.state == "success":
        return ok(f"{run.run_id} succeeded at {str(run.end_date)[:16]}")
    failed = sorted(ti.task_id for ti in run.get_task_instances(state=["failed", "upstream_failed"])
                    if ti.state == "failed")  # fmt: skip
    outcome = run_outcome(subject.settings, run.run_id)
    reason = f": {outcome.sentence}" if outcome and outcome.state == "failed" else ""
    fix = "Do what the message advises, then clear the failed task; its log has all of it (docs/operations.md)."
    found = f"{run.run_id} failed in {', '.join(failed) or 'no task'} at {str(run.end_date)[:16]}{reason}"
    return problem(found, expected="a run that ends well", fix=fix)


def stored_secrets() -> Finding:
    """Check that the connections in the database can be decrypted with the present Fernet key."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    _require_database()
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


def connections(subject: Subject) -> list[Finding]:
    """Read every connection that the settings name, with the code that the tasks use."""
    _require_database()
    return list(_connections(subject.settings))


def _connections(settings: Settings) -> Iterator[Finding]:
    yield _usable(SPARK_CONNECTION, lambda: f"master {require_client_mode(SPARK_CONNECTION)}")
    for name in filter(None, (part.strip() for part in settings.alert_connections.split(","))):
        yield _usable(name, partial(_alert_channel, settings, name))
    if settings.registry_connection_ids:
        yield _usable(", ".join(settings.registry_connection_ids),
                      lambda: f"logins for {', '.join(login.target for login in docker_logins(settings))}")  # fmt: skip
    if settings.aws_connection:
        yield _usable(
            settings.aws_connection, lambda: f"credentials: {', '.join(aws_variables(settings.aws_connection))}"
        )
    if settings.source_connection:
        yield _usable(
            settings.source_connection, lambda: f"sets {', '.join(libpq_variables(settings.source_connection))}"
        )
    if settings.signing_connection:
        yield _usable(
            settings.signing_connection, lambda: str(with_signing_key(settings, "package") and "a private key")
        )


def _usable(name: str, read: Callable[[], str]) -> Finding:
    try:
        return ok(read()).of(name)
    except LeaplineError as exc:
        variables = [f"AIRFLOW_CONN_{part.upper()}" for part in name.split(", ")]
        present = [variable for variable in variables if variable in os.environ]
        if exc.found == "no such connection" and present:
            # Airflow ignores a variable that it cannot read.
            found, fix = f"{', '.join(present)}: its text cannot be read", "Correct the variable, or leave it out."
            return problem(found, expected="a connection as JSON or URI", fix=fix).of(name)
        return from_error(exc).of(name)
    except Exception as exc:  # a connection in a variable may have any content
        found = f"{type(exc).__name__}: its text cannot be read"
        return problem(found, expected="a connection as JSON or URI", fix=_FIX_CONNECTION).of(name)


def _alert_channel(settings: Settings, name: str) -> str:
    try:
        kind = BaseHook.get_connection(name).conn_type
    except AirflowNotFoundException:
        fix = "Create it in Airflow under Admin > Connections, or take it out of LEAPLINE_ALERT_CONNECTIONS."
        raise SettingsError(f"Airflow's connection {name}", found="no such connection",
                            expected="one of type smtp or slackwebhook", fix=fix) from None  # fmt: skip
    channel_for(name, kind)
    if kind == "smtp" and not settings.alert_mail_to:
        raise SettingsError("LEAPLINE_ALERT_MAIL_TO", found="no value", expected="a mail address",
                            fix=f"Set it, because connection {name} is a mail server.")  # fmt: skip
    return f"alerts by {kind}"


def registry_with_login(subject: Subject) -> Finding:
    """Use the registry with the logins of the connections, as tasks do."""
    from leapline.deployment.factory import registry
    from leapline.serving.push_permission import require_push_permission

    settings = subject.settings
    if not (settings.registry_connection_ids or settings.aws_connection):
        raise NotApplicableError("No connection has a login for the registry.")
    _require_database()
    with aws_login(settings), registry_login(settings, "publish"):
        target = registry(settings, budget_s=8.0)
        tags = target.tags()
        if not tags:
            return ok(f"{target.image} is empty or does not exist yet")
        return ok(require_push_permission(target, tags[0]))


def source_with_login(subject: Subject) -> Finding:
    """List yesterday's events with the login of the connection."""
    settings = subject.settings
    if not settings.source_connection:
        raise NotApplicableError("No connection has the login of the event source.")
    _require_database()
    with aws_login(settings), source_login(settings, "extract"):
        return events.examine(subject)


def signing_key(subject: Subject) -> Finding:
    """Examine the signing key of the connection."""
    settings = subject.settings
    if not settings.signing_connection:
        raise NotApplicableError("No connection has the signing key.")
    _require_database()
    return keys.examine(with_signing_key(settings, "package"))


if __name__ == "__main__":
    main()
