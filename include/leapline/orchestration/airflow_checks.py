"""The checks of `leapline doctor` that need Airflow's code and environment: database, heartbeats, DAGs, connections.

    python -m leapline.orchestration.airflow_checks --out FD

Writes a JSON list of findings, `{"part", "status", "found", "expected", "fix"}`, to the file descriptor. Nothing needs
to run: state is read from Airflow's database, DAG files are imported here.
"""

import argparse
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Final

from leapline.doctor.finding import Finding, NotApplicableError, ok, problem, warning
from leapline.doctor.runner import Check, run_checks
from leapline.doctor.subject import Subject
from leapline.orchestration.connection_checks import connections, registry_with_login, signing_key, source_with_login
from leapline.orchestration.database_checks import database, require_database, stored_secrets

NIGHTLY: Final = "retrain"


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


def heartbeats(is_local: bool) -> Finding:
    """Check that scheduler, DAG processor and triggerer are alive."""
    from airflow.api.common.airflow_health import get_airflow_health

    require_database()
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

    require_database()
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

    require_database()
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

    require_database()
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
    state = f"{run.run_id} failed in {', '.join(failed) or 'no task'} at {str(run.end_date)[:16]}{reason}"
    return problem(state, expected="a run that ends well", fix=fix)


if __name__ == "__main__":
    main()
