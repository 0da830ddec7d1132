"""Erasure of visitors whose ids wait as requests in the lake."""

from datetime import UTC, datetime

from airflow.sdk import DAG, chain

from leapline.orchestration.dag_docs import ERASURE_DOC
from leapline.orchestration.operators import ResolveDay, SparkStep

with DAG(
    dag_id="erasure",
    dag_display_name="Erasure of visitors",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    doc_md=ERASURE_DOC,
    default_args={"owner": "leapline", "retries": 0},
    tags=["leapline"],
):
    chain(ResolveDay(param_names=(), takes_day=False), SparkStep(step="erase"))
