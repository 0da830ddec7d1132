"""Rollback to an earlier model, in seconds."""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from leapline.orchestration.dag_docs import ROLLBACK_DOC
from leapline.orchestration.operators import RollBack
from leapline.orchestration.params import REASON

with DAG(
    dag_id="rollback",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    params={
        "model_id": Param(
            None,
            type=["null", "string"],
            title="Model id",
            description="The published model to return to. Empty: the previous champion.",
        ),
        "reason": REASON,
    },
    doc_md=ROLLBACK_DOC,
    default_args={"owner": "leapline", "retries": 0},
    tags=["leapline"],
):
    RollBack()
