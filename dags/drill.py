"""A drill: each stage of a run is broken on a scratch lake and registry, and nothing may be published."""

from datetime import UTC, datetime

from airflow.sdk import DAG

from leapline.orchestration.dag_docs import DRILL_DOC
from leapline.orchestration.drill import Drill
from leapline.orchestration.params import DRILL_PARAMS

with DAG(
    dag_id="drill",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    params=DRILL_PARAMS,
    doc_md=DRILL_DOC,
    default_args={"owner": "leapline", "retries": 0},
    tags=["leapline"],
):
    Drill()
