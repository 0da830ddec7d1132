"""Deletion of old rows of single visitors, every day."""

from datetime import UTC, datetime

from airflow.sdk import DAG, chain

from leapline.orchestration.dag_docs import RETENTION_DOC
from leapline.orchestration.operators import ResolveDay, Step
from leapline.orchestration.params import RETENTION_PARAMS

with DAG(
    dag_id="retention",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=RETENTION_PARAMS,
    doc_md=RETENTION_DOC,
    default_args={"owner": "leapline", "retries": 0},
    tags=["leapline"],
):
    chain(ResolveDay(param_names=RETENTION_PARAMS, takes_day=False), Step(step="retain"))
