"""The nightly pipeline, from events to a published scoring image. This file defines order and retries only."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, chain

from leapline.orchestration.alerts import Alert
from leapline.orchestration.dag_docs import DAG_DOC
from leapline.orchestration.deploy import DeployStep
from leapline.orchestration.operators import PublishStep, ResolveDay, SparkStep, Step, VerdictStep, WaitForTail
from leapline.orchestration.params import PARAMS

SCORING_IMAGE = Asset(name="scoring-image", uri="leapline://scoring-image", group="leapline")

# A killed scheduler or worker; storage and cluster, for minutes; a registry, for an hour.
LIGHT: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=10)}
STORAGE: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": 2}
REGISTRY: dict[str, Any] = {
    "retries": 6,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=20),
}

ALERT = Alert()

with DAG(
    dag_id="retrain",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # Two, so that a manual run does not wait for the nightly one; a backfill has its own limit.
    max_active_runs=2,
    params=PARAMS,
    doc_md=DAG_DOC,
    default_args={"owner": "leapline", "retries": 0, "on_failure_callback": ALERT},
    tags=["leapline", "nightly"],
):
    chain(
        ResolveDay(**LIGHT),
        WaitForTail(**LIGHT),
        SparkStep(step="extract", **STORAGE),
        Step(step="check_events", **LIGHT),
        SparkStep(step="featurize", **STORAGE),
        SparkStep(step="train", **STORAGE),
        SparkStep(step="evaluate", **STORAGE),
        VerdictStep(step="gate", on_success_callback=ALERT, **LIGHT),
        Step(step="package", **LIGHT),
        VerdictStep(step="probe", on_success_callback=ALERT, **LIGHT),
        PublishStep(step="publish", outlets=[SCORING_IMAGE], **REGISTRY),
        Step(step="promote", on_success_callback=ALERT, **REGISTRY),
        DeployStep(step="deploy", **STORAGE),
    )
