"""The line's steps as Airflow tasks.

The first task, `resolve`, leaves the run's facts as its XCom; every other one takes them from there, does one step of
`leapline.steps` and hands on its summary. A summary or an error is also on disk (`runs/<run id>/<step>.json`).
"""

from collections.abc import Collection
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator, Context, SkipMixin, conf
from airflow.sdk.exceptions import AirflowException

import leapline.steps
from leapline.deployment.manual_promotion import promote_model, roll_back
from leapline.orchestration.dag_docs import TASK_DOCS
from leapline.orchestration.failures import as_failure, named_failures
from leapline.orchestration.links import links
from leapline.orchestration.params import PARAMS, Facts, resolve
from leapline.runtime.context import RunContext
from leapline.runtime.reports import past_report, report_path
from leapline.runtime.spark_cds import OPTIONS, driver_options
from leapline.runtime.step import perform
from leapline.settings import Settings

RESOLVE = "resolve"


class ResolveDay(BaseOperator):
    """Settles the data day and the run's settings, once, for all later tasks."""

    def __init__(self, known: Collection[str] = tuple(PARAMS), **kwargs: Any) -> None:
        super().__init__(task_id=RESOLVE, doc_md=TASK_DOCS[RESOLVE], **kwargs)
        self._known = tuple(known)

    def execute(self, context: Context) -> Facts:
        """Read params and data interval; the facts go on by XCom."""
        with named_failures():
            facts = resolve(dict(context["params"]), context["dag_run"], known=self._known)
        self.log.info("Data day %s, with %s", facts["day"], facts["overrides"] or "the installation's settings")
        return facts


class WaitForTail(BaseOperator):
    """Waits, without holding a worker, until the sessions that began before midnight have had time to end."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="wait_for_tail", doc_md=TASK_DOCS["wait_for_tail"], **kwargs)

    def execute(self, context: Context) -> None:
        """Defer to the moment in the facts, if it is still to come."""
        moment = _facts(context)["ready_at"]
        ready_at = datetime.fromisoformat(moment) if moment else None
        if ready_at and ready_at > datetime.now(UTC):
            self.log.info("Waiting until %s for the tails of the day's sessions", ready_at)
            self.defer(trigger=DateTimeTrigger(moment=ready_at), method_name="resume")
        self.log.info("Nothing to wait for")

    def resume(self, context: Context, event: Any = None) -> None:
        """The moment has come."""


class SparkStep(SparkSubmitOperator):
    """One step through `spark-submit` on the connection `spark_default`.

    A step that fails leaves its reason in its report; that, not Spark's output, becomes the error. The pool is
    `AIRFLOW__LEAPLINE__SPARK_POOL`, so that a small machine can bound the drivers that run at a time.
    """

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(
            task_id=step,
            application=str(Path(leapline.steps.__file__).parent / f"{step}.py"),
            pool=conf.get("leapline", "spark_pool", fallback="default_pool"),
            doc_md=TASK_DOCS[step],
            **kwargs,
        )
        self.operator_extra_links = links(step)

    def execute(self, context: Context) -> Any:
        """Submit, and hand on the step's summary."""
        facts, run_id = _facts(context), context["run_id"]
        with named_failures():
            settings = Settings.load(**facts["overrides"])
            report_path(settings, run_id, self.task_id).unlink(missing_ok=True)
            self.name = f"leapline {self.task_id} {facts['day']}"
            self.application_args = _arguments(facts, run_id)
            self._driver_memory = settings.spark_driver_memory
            # Forty lines of Spark's start-up would stand before the step's own.
            self.conf = {"spark.log.level": "WARN", OPTIONS: driver_options(settings)}
            try:
                super().execute(context)
            except AirflowException as exc:
                raise _reason(past_report(settings, run_id, self.task_id), exc) from None
            report = past_report(settings, run_id, self.task_id)
        return report and report["summary"]


class Step(BaseOperator):
    """One step that needs no Spark, in the task's own process."""

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(task_id=step, doc_md=TASK_DOCS[step], **kwargs)
        self.operator_extra_links = links(step)

    def execute(self, context: Context) -> dict[str, Any]:
        """Do the step; the summary goes on by XCom."""
        facts = _facts(context)
        run = RunContext(date.fromisoformat(facts["day"]), context["run_id"], facts["backfill"])
        work = import_module(f"leapline.steps.{self.task_id}").run
        with named_failures():
            return perform(self.task_id, work, Settings.load(**facts["overrides"]), run)


class VerdictStep(Step, SkipMixin):
    """A step whose summary says `passed`; if it does not, all that follows is skipped and the run ends well.

    The verdict's sentence is the task's XCom `verdict` and the last line of its log.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Judge, and skip what follows if the model is refused."""
        summary = super().execute(context)
        context["ti"].xcom_push(key="verdict", value=summary["sentence"])
        if summary["passed"]:
            self.log.info(summary["sentence"])
            return summary
        # The skip below ends the task, so its summary goes first.
        context["ti"].xcom_push(key="return_value", value=summary)
        self.log.warning(summary["sentence"])
        self.skip(context["ti"], self.get_flat_relatives(upstream=False))
        return summary


class PublishStep(Step):
    """Publishes the image, and tells Airflow's asset about it: reference, digest, metrics."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish; the asset's event carries the summary."""
        summary = super().execute(context)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = summary | {"day": _facts(context)["day"]}
        return summary


class ChangedDays(BaseOperator):
    """Says what late events have changed; gives the configurations of the runs that judge those days again."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="changed_days", doc_md=TASK_DOCS["changed_days"], **kwargs)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """One configuration of `retrain` a day to judge again; none unless the param `reopen` asks for it."""
        rows = context["ti"].xcom_pull(task_ids="late")["days"]
        for row in rows:
            self.log.info(row["sentence"])
        changed = [row["data_day"] for row in rows if row["changed"]]
        self.log.info("%d of %d judged days have changed", len(changed), len(rows))
        reopen = context["params"]["reopen"]
        return [{"date": day, "promote": False} for day in changed] if reopen else []


class RollBack(BaseOperator):
    """Makes the param `model_id`, or the champion before this one, the champion again."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="roll_back", doc_md=TASK_DOCS["roll_back"], **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Move the tag; who asked, and why, goes into the ledger."""
        order = _order(context, "rolled back by")
        with named_failures():
            moved = roll_back(Settings.load(), to=context["params"]["model_id"], **order)
        self.log.info("champion is now %s (%s)", moved["champion"], moved["why"])
        return moved


class PromoteModel(BaseOperator):
    """Makes the published model that the param `model_id` names the champion."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="promote_model", doc_md=TASK_DOCS["promote_model"], **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Move the tag; who asked, and why, goes into the ledger."""
        order = _order(context, "promoted by")
        with named_failures():
            moved = promote_model(Settings.load(), model_id=context["params"]["model_id"], **order)
        self.log.info("champion is now %s (%s)", moved["champion"], moved["why"])
        return moved


def _order(context: Context, verb: str) -> dict[str, str]:
    """Who moves the champion by hand, why, and in which run."""
    user = context["dag_run"].triggering_user_name or "Airflow"
    return {"who": user, "why": context["params"]["reason"] or f"{verb} {user}", "run_id": context["run_id"]}


def _facts(context: Context) -> Facts:
    facts: Facts = context["ti"].xcom_pull(task_ids=RESOLVE)
    return facts


def _arguments(facts: Facts, run_id: str) -> list[str]:
    pairs = [arg for key, value in sorted(facts["overrides"].items()) for arg in ("--set", f"{key}={value}")]
    return ["--date", facts["day"], "--run-id", run_id, *(["--backfill"] if facts["backfill"] else []), *pairs]


def _reason(report: dict[str, Any] | None, submit: AirflowException) -> AirflowException:
    """The step's own error if it left one, else what `spark-submit` said."""
    if not report or report["ok"]:
        return submit
    return as_failure(report["error"]["text"], report["error"]["retriable"])
