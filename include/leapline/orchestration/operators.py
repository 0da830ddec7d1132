"""The pipeline's steps as Airflow tasks.

The first task, `resolve`, returns the resolved run (data day, settings) as its XCom. Every other task reads it, runs
one step of `leapline.steps` and returns its summary. Summary or error are also on disk (`runs/<run id>/<step>.json`).
"""

from collections.abc import Collection
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator, Context, SkipMixin, conf
from airflow.sdk.exceptions import AirflowException

import leapline.steps
from leapline import clock
from leapline.deployment.manual_promotion import promote_model, roll_back
from leapline.orchestration.approval import ConfirmedMove, loosening, require_approver, triggering_user
from leapline.orchestration.client_submit import ClientSubmitHook
from leapline.orchestration.dag_docs import TASK_DOCS
from leapline.orchestration.failures import airflow_failures, as_failure
from leapline.orchestration.links import links
from leapline.orchestration.logins import logins
from leapline.orchestration.params import PARAMS, ResolvedRun, resolve
from leapline.orchestration.shared_lake import leave_report, require_same_lake
from leapline.orchestration.signing_login import with_signing_key
from leapline.orchestration.spark_connection import require_client_mode
from leapline.orchestration.task_log import quiet_libraries, summary_line
from leapline.records.loosened import loosened
from leapline.rollout.target import parse_targets
from leapline.runtime.context import RunContext
from leapline.runtime.day_owner import take_day
from leapline.runtime.private_files import restrict_new_files
from leapline.runtime.reports import past_report, remove_report
from leapline.runtime.spark import is_driver_shared
from leapline.runtime.spark_cds import OPTIONS, driver_options, quiet_options
from leapline.runtime.spark_jars import jars_option
from leapline.runtime.spark_master import choose_driver_address
from leapline.runtime.step import Step as StepFunction
from leapline.runtime.step import perform
from leapline.settings import Settings

RESOLVE = "resolve"


class ResolveDay(BaseOperator):
    """Resolves the data day and the run's settings, once, for all later tasks.

    Args:
        param_names: names of the DAG's params.
        takes_day: whether the run writes results of the day, so that earlier runs of the day end.
        **kwargs: passed on to Airflow's BaseOperator.
    """

    def __init__(self, param_names: Collection[str] = tuple(PARAMS), takes_day: bool = True, **kwargs: Any) -> None:
        super().__init__(task_id=RESOLVE, doc_md=TASK_DOCS[RESOLVE], **kwargs)
        self._param_names, self._takes_day = tuple(param_names), takes_day

    def execute(self, context: Context) -> ResolvedRun:
        """Return the resolved run, from the params and the data interval."""
        with airflow_failures():
            resolved = resolve(dict(context["params"]), context["dag_run"], param_names=self._param_names)
            settings, resolved["who"] = Settings.load(), triggering_user(context)
            limits = loosened(Settings.load(**resolved["overrides"]), settings)
            if act := loosening(limits, resolved["overrides"]):
                require_approver(settings, resolved["who"], act)
            restrict_new_files(settings)
            parse_targets(settings.deploy)  # A mistake is found now, not after the promotion.
            with logins(settings, self.task_id):
                resolved["host"] = leave_report(settings, context["run_id"])
                if self._takes_day:
                    take_day(settings, date.fromisoformat(resolved["day"]), context["run_id"])
        overrides = ", ".join(f"{name}={value}" for name, value in sorted(resolved["overrides"].items()))
        self.log.info("Data day %s; settings overridden by this run: %s", resolved["day"], overrides or "none")
        return resolved


class WaitForTail(BaseOperator):
    """Waits, deferred, until the sessions that started before midnight have had time to end."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="wait_for_tail", doc_md=TASK_DOCS["wait_for_tail"], **kwargs)

    def execute(self, context: Context) -> None:
        """Defer until the resolved run's `ready_at`, if that is in the future."""
        timestamp = _resolved(context)["ready_at"]
        ready_at = datetime.fromisoformat(timestamp) if timestamp else None
        if ready_at and ready_at > clock.now():
            self.log.info("Waiting until %s for the last events of the day's sessions", ready_at)
            self.defer(trigger=DateTimeTrigger(moment=ready_at), method_name="resume")
        self.log.info("No need to wait")

    def resume(self, context: Context, event: Any = None) -> None:
        """Continue after the deferral."""
        self.log.info("The lookahead is over")


class StepTask:
    """What the tasks of steps share: the step in the task's process, and its datasets in the OpenLineage event."""

    task_id: str
    log: Any
    _performed: tuple[Settings, str] | None = None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what the step has read and written; called by Airflow's provider where a transport is configured."""
        from leapline.orchestration.lineage import step_lineage

        return self._performed and step_lineage(*self._performed, self.task_id)

    def step_function(self) -> StepFunction:
        """Return the step."""
        function: StepFunction = import_module(f"leapline.steps.{self.task_id}").run
        return function

    def perform_here(self, context: Context) -> dict[str, Any]:
        """Run the step in this process and return its summary."""
        resolved = _resolved(context)
        day, who = date.fromisoformat(resolved["day"]), resolved.get("who", "")
        run = RunContext(day, context["run_id"], resolved["backfill"], who)
        quiet_libraries()
        step_function = self.step_function()
        with airflow_failures():
            settings = Settings.load(**resolved["overrides"])
            self._performed = settings, run.run_id
            with logins(settings, self.task_id):
                require_same_lake(settings, run.run_id, resolved.get("host"))
                summary = perform(self.task_id, step_function, with_signing_key(settings, self.task_id), run)
        self.log.info(summary_line(self.task_id, summary))
        return summary


class SparkStep(StepTask, SparkSubmitOperator):
    """One step, run by `spark-submit` on the connection `spark_default`, or in this process if a driver is shared.

    A failed step writes its error into its report; this text, rather than Spark's output, becomes the task's error.
    Drivers need more memory than other tasks. `AIRFLOW__LEAPLINE__SPARK_POOL` names the pool that limits how many run
    at once, `AIRFLOW__LEAPLINE__SPARK_QUEUE` the queue of the Celery workers that run them, and
    `AIRFLOW__LEAPLINE__SPARK_POD_TEMPLATE` the file with their pod for the KubernetesExecutor.
    """

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(
            task_id=step,
            application=str(Path(leapline.steps.__file__).parent / f"{step}.py"),
            pool=conf.get("leapline", "spark_pool", fallback="default_pool"),
            doc_md=TASK_DOCS[step],
            **_where_drivers_run(),
            **kwargs,
        )
        self.operator_extra_links = links(step)

    def execute(self, context: Context) -> Any:
        """Run the step and return its summary."""
        if is_driver_shared():
            return self.perform_here(context)
        resolved, run_id = _resolved(context), context["run_id"]
        with airflow_failures():
            settings = Settings.load(**resolved["overrides"])
            self._performed = settings, run_id
            restrict_new_files(settings)  # Spark's processes inherit it.
            with logins(settings, self.task_id):
                require_same_lake(settings, run_id, resolved.get("host"))
                remove_report(settings, run_id, self.task_id)
                self._prepare(settings, resolved, run_id)
                report = self._submit(context, settings, run_id)
        if report:
            self.log.info(summary_line(self.task_id, report["summary"]))
        return report and report["summary"]

    def on_kill(self) -> None:
        """End the step; called in the handler of the signal that ends the task."""
        if is_driver_shared():
            raise KeyboardInterrupt  # The JVM ends with this process.
        super().on_kill()

    def _prepare(self, settings: Settings, resolved: ResolvedRun, run_id: str) -> None:
        """Set what the provider's operator passes to `spark-submit`."""
        self.name = f"leapline {self.task_id} {resolved['day']}"
        self.application_args = step_arguments(resolved, run_id)
        self._driver_memory = settings.spark_driver_memory
        self.conf = {OPTIONS: f"{quiet_options()} {driver_options(settings)}".strip()} | jars_option(settings)
        choose_driver_address(require_client_mode(self._conn_id))

    def _submit(self, context: Context, settings: Settings, run_id: str) -> dict[str, Any] | None:
        """Run `spark-submit` and return the step's report."""
        try:
            super().execute(context)
        except AirflowException as exc:
            raise submit_failure(past_report(settings, run_id, self.task_id), exc) from None
        return past_report(settings, run_id, self.task_id)

    def _get_hook(self) -> ClientSubmitHook:
        """Return the hook that submits the step; called by the base class."""
        hook = ClientSubmitHook(
            conn_id=self._conn_id, conf=self.conf, name=self.name, driver_memory=self._driver_memory,
            application_args=self.application_args,
        )  # fmt: skip
        hook._conf |= hook.namespace_option()
        return hook


class Step(StepTask, BaseOperator):
    """One step that needs no Spark, run in the task's process."""

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(task_id=step, doc_md=TASK_DOCS[step], **kwargs)
        self.operator_extra_links = links(step)

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step and return its summary."""
        return self.perform_here(context)


class VerdictStep(Step, SkipMixin):
    """A step whose summary contains `passed`; if it is false, all downstream tasks are skipped and the run succeeds.

    The verdict's sentence is in the task's XCom `verdict` and in its log.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step; skip the downstream tasks if the model is refused."""
        summary = super().execute(context)
        context["ti"].xcom_push(key="verdict", value=summary["sentence"])
        if summary["passed"]:
            return summary
        # `skip` ends the task by an exception, so the summary is pushed before.
        context["ti"].xcom_push(key="return_value", value=summary)
        self.log.warning("The model is refused; the following tasks are skipped")
        self.skip(context["ti"], self.get_flat_relatives(upstream=False))
        return summary


class PublishStep(Step):
    """Publishes the image and emits an event on Airflow's asset: reference, digest, metrics."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish; the asset event carries the summary."""
        summary = super().execute(context)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = summary | {"day": _resolved(context)["day"]}
        return summary


class ChangedDays(BaseOperator):
    """Logs which evaluated days have changed labels, and returns the configurations of the runs that repeat them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="changed_days", doc_md=TASK_DOCS["changed_days"], **kwargs)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one `retrain` configuration per changed day; none unless the param `reopen` is on."""
        rows = context["ti"].xcom_pull(task_ids="late")["days"]
        for row in rows:
            self.log.info(row["sentence"])
        changed = [row["data_day"] for row in rows if row["changed"]]
        self.log.info("Labels changed on %d of %d evaluated days", len(changed), len(rows))
        reopen = context["params"]["reopen"]
        return [{"date": day, "promote": False} for day in changed] if reopen else []


class RollBack(ConfirmedMove):
    """Moves the tag `champion` back to the param `model_id`, or to the previous champion."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="roll_back", act="roll back", **kwargs)

    def move(self, settings: Settings, request: dict[str, Any]) -> dict[str, Any]:
        """Move the tag; the ledger records the user and the reason."""
        return roll_back(settings, to=request.pop("model_id"), **request)


class PromoteModel(ConfirmedMove):
    """Moves the tag `champion` to the published model in the param `model_id`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="promote_model", act="promote a model", **kwargs)

    def move(self, settings: Settings, request: dict[str, Any]) -> dict[str, Any]:
        """Move the tag; the ledger records the user and the reason."""
        return promote_model(settings, **request)


def _resolved(context: Context) -> ResolvedRun:
    resolved: ResolvedRun = context["ti"].xcom_pull(task_ids=RESOLVE)
    return resolved


def _where_drivers_run() -> dict[str, Any]:
    """Return the arguments of an operator for the configured queue and pod template of drivers."""
    queue = conf.get("leapline", "spark_queue", fallback="")
    template = conf.get("leapline", "spark_pod_template", fallback="")
    return ({"queue": queue} if queue else {}) | (
        {"executor_config": {"pod_template_file": template}} if template else {}
    )


def step_arguments(resolved: ResolvedRun, run_id: str) -> list[str]:
    """Return the command-line arguments of a step's program (`leapline.runtime.step.main`)."""
    pairs = [arg for key, value in sorted(resolved["overrides"].items()) for arg in ("--set", f"{key}={value}")]
    backfill = ["--backfill"] if resolved["backfill"] else []
    return ["--date", resolved["day"], "--run-id", run_id, *backfill, *pairs]


def submit_failure(report: dict[str, Any] | None, error: AirflowException) -> AirflowException:
    """Return the step's own error if its report contains one, else the error of `spark-submit`."""
    if not report or report["ok"]:
        return error
    return as_failure(report["error"]["text"], report["error"]["retriable"], report["error"].get("kind", ""))
