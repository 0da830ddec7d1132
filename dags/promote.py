"""Manual promotion of a published model."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, chain

from leapline.orchestration.dag_docs import PROMOTE_DOC
from leapline.orchestration.deploy import DeployChampion
from leapline.orchestration.operators import PromoteModel
from leapline.orchestration.params import REASON

with DAG(
    dag_id="promote",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # A request that waits for its second approver must not hold up the next one; the tag moves under a lock.
    max_active_runs=16,
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
    chain(PromoteModel(), DeployChampion(retries=2, retry_delay=timedelta(seconds=30)))
