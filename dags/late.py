"""Delayed labels: which evaluated days have changed labels, and on request another `retrain` run for each of them."""

from datetime import UTC, datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, chain

from leapline.orchestration.dag_docs import LATE_DOC, TASK_DOCS
from leapline.orchestration.operators import ChangedDays, ResolveDay, SparkStep
from leapline.orchestration.params import LATE_PARAMS

with DAG(
    dag_id="late",
    dag_display_name="Delayed labels",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    params=LATE_PARAMS,
    doc_md=LATE_DOC,
    default_args={"owner": "leapline", "retries": 0},
    tags=["leapline"],
):
    changed = ChangedDays()
    chain(ResolveDay(param_names=LATE_PARAMS, takes_day=False), SparkStep(step="late"), changed)
    TriggerDagRunOperator.partial(
        task_id="judge_again", trigger_dag_id="retrain", doc_md=TASK_DOCS["judge_again"]
    ).expand(conf=changed.output)
