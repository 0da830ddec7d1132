"""Deletion of old rows of single visitors, every day."""

from datetime import UTC, datetime

from airflow.sdk import DAG, chain

from leapline.orchestration.dag_docs import RETENTION_DOC
from leapline.orchestration.operators import ResolveDay, Step

with DAG(
    dag_id="retention",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=RETENTION_DOC,
    default_args={"owner": "leapline", "retries": 0},
    tags=["leapline"],
):
    chain(ResolveDay(param_names=(), takes_day=False), Step(step="retain"))
