"""Manual promotion of a published model."""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from leapline.orchestration.dag_docs import PROMOTE_DOC
from leapline.orchestration.operators import PromoteModel
from leapline.orchestration.params import REASON

with DAG(
    dag_id="promote",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    params={
        "model_id": Param(
            type="string", title="Model id", description="The published model that becomes the champion."
        ),
        "reason": REASON,
    },
    doc_md=PROMOTE_DOC,
    default_args={"owner": "leapline", "retries": 0},
    tags=["leapline"],
):
    PromoteModel()
