"""The deployment of the champion as Airflow tasks: a step of `retrain`, the last task of `promote` and `rollback`."""

from collections.abc import Callable
from functools import partial
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from leapline.orchestration.dag_docs import TASK_DOCS
from leapline.orchestration.deploy_login import AirflowLogins
from leapline.orchestration.failures import airflow_failures
from leapline.orchestration.logins import logins
from leapline.orchestration.operators import Step
from leapline.orchestration.signing_login import with_signing_key
from leapline.orchestration.task_log import quiet_libraries
from leapline.rollout.target import parse_targets
from leapline.runtime.step import Step as StepFunction
from leapline.settings import Settings


class DeployStep(Step):
    """The step `deploy`, with the logins of Airflow's connections; skipped if there is nothing to deploy."""

    def step_function(self) -> StepFunction:
        """Return the step with the logins."""
        function: Callable[..., dict[str, Any]] = super().step_function()
        return partial(function, logins=AirflowLogins())

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step and return its summary."""
        summary = super().execute(context)
        if summary.get("skipped"):
            # A skipped task has no result, so the summary is pushed before.
            context["ti"].xcom_push(key="return_value", value=summary)
            raise AirflowSkipException(summary["why"])
        return summary


class DeployChampion(BaseOperator):
    """Deploys the champion after a promotion or a rollback by hand; skipped if there is no target."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="deploy_champion", doc_md=TASK_DOCS["deploy_champion"], **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Deploy what `champion` names, whether this run has moved it or not."""
        # Imports the client of the registry; every task process parses the DAG file, and with it this module.
        from leapline.rollout.deploy import deploy_champion
        from leapline.steps.deploy import NO_TARGET

        quiet_libraries()
        with airflow_failures():
            settings = Settings.load()
            if not parse_targets(settings.deploy):
                raise AirflowSkipException(NO_TARGET)
            with logins(settings, self.task_id):
                result = deploy_champion(with_signing_key(settings, self.task_id), context["run_id"], AirflowLogins())
        self.log.info(result["why"])
        return result
