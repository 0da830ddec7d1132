"""Who may move the champion and loosen limits: the approvers of `LEAPLINE_APPROVERS`, beside Airflow's permissions.

Airflow's permissions decide who may read and trigger DAGs; its simple auth manager cannot tell one DAG from another. So
the approvers are named in the settings, and the tasks compare them with the user who triggered the run.
"""

from collections.abc import Sequence
from typing import Any, Final

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context

from leapline.errors import NotPermittedError
from leapline.orchestration.dag_docs import TASK_DOCS
from leapline.orchestration.failures import airflow_failures
from leapline.orchestration.logins import logins
from leapline.orchestration.signing_login import with_signing_key
from leapline.records.loosened import Loosened
from leapline.settings import Settings

APPROVE, REJECT = "Approve", "Reject"
DONE: Final = {"roll_back": "rolled back", "promote_model": "promoted"}


def approvers(settings: Settings) -> frozenset[str]:
    """Return the names of the approvers; empty if everybody who may trigger the DAGs is one."""
    return frozenset(filter(None, (name.strip() for name in settings.approvers.split(","))))


def is_approver(settings: Settings, user: str) -> bool:
    """Return whether a user of Airflow may move the champion and loosen limits."""
    names = approvers(settings)
    return not names or user in names


def require_approver(settings: Settings, user: str, act: str) -> None:
    """Check that an approver has started a run.

    Args:
        settings: `approvers`.
        user: who started it; empty if Airflow does not know.
        act: what the run does, for the error ("promote a model").

    Raises:
        NotPermittedError: somebody else has.
    """
    if not is_approver(settings, user):
        raise NotPermittedError(
            f"to {act}",
            found=f"the user {user}" if user else "no user, so that nobody is responsible",
            expected=f"one of the approvers {', '.join(sorted(approvers(settings)))}",
            fix="Ask one of them to start the run, or to add the user to LEAPLINE_APPROVERS.",
        )


def loosening(limits: Sequence[Loosened], overrides: dict[str, Any]) -> str:
    """Return what a run does that only an approver may; empty if nothing."""
    acts = [f"loosen a limit ({'; '.join(map(str, limits))})"] if limits else []
    acts += ["let a backfill move the champion"] if overrides.get("promote_backfills") else []
    return " and ".join(acts)


class ConfirmedMove(HITLOperator):
    """A move of the champion by hand, which waits for a second approver if `LEAPLINE_SECOND_APPROVER` is set.

    The task waits in Airflow's *Required actions*, without a process. Airflow lets everybody answer who may trigger the
    DAG, so the answer is checked here. Waiting and moving are one task: nobody can skip the first by hand.
    """

    def __init__(self, *, task_id: str, act: str, **kwargs: Any) -> None:
        model = "{{ params.model_id or 'the previous champion' }}"
        super().__init__(
            task_id=task_id,
            subject=f"{{{{ dag_run.triggering_user_name }}}} asks to {act}: {model}",
            body="Reason: {{ params.reason or 'none given' }}. A second approver has to confirm it.",
            options=[APPROVE, REJECT],
            doc_md=TASK_DOCS[task_id],
            **kwargs,
        )
        self._act = act

    def execute(self, context: Context) -> Any:
        """Check the user who triggered the run; move, or wait for the second approver."""
        with airflow_failures():
            settings = Settings.load()
            require_approver(settings, triggering_user(context), self._act)
        return super().execute(context) if settings.second_approver else self._move(context, settings)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Move, if an approver who is not the first one has confirmed."""
        answer = super().execute_complete(context, event)
        with airflow_failures():
            settings = Settings.load()
            second = require_second(settings, triggering_user(context), answer, self._act)
        return self._move(context, settings, f" (confirmed by {second})")

    def move(self, settings: Settings, request: dict[str, Any]) -> dict[str, Any]:
        """Move the tag.

        Args:
            settings: with the logins of registries and the signing key.
            request: the param `model_id`; who moves the champion, why, and in which run.
        """
        raise NotImplementedError

    def _move(self, context: Context, settings: Settings, confirmation: str = "") -> dict[str, Any]:
        user, params = triggering_user(context) or "Airflow", context["params"]
        why = (params["reason"] or f"{DONE[self.task_id]} by {user}") + confirmation
        request = {"model_id": params["model_id"], "who": user, "why": why, "run_id": context["run_id"]}
        with airflow_failures(), logins(settings, self.task_id):
            moved = self.move(with_signing_key(settings, self.task_id), request)
        self.log.info("champion is now %s (%s)", moved["champion"], moved["why"])
        return moved


def require_second(settings: Settings, first: str, answer: Any, act: str) -> str:
    """Check the answer to a request for a second approval.

    Args:
        settings: `approvers`.
        first: who started the run.
        answer: the chosen options, and the user who answered.
        act: what the run does, for the error.

    Returns:
        The name of the second approver.

    Raises:
        NotPermittedError: it was rejected, or answered by the first user or by somebody who is no approver.
    """
    second = (answer["responded_by_user"] or {}).get("name") or ""
    problem = (
        f"rejected by {second or 'nobody'}" if answer["chosen_options"] != [APPROVE]
        else "the answer of the user who asked" if second == first
        else f"the answer of {second or 'nobody'}, who is no approver" if not (second and is_approver(settings, second))
        else ""
    )  # fmt: skip
    if problem:
        raise NotPermittedError(
            f"to {act}",
            found=problem,
            expected="the confirmation of a second approver",
            fix="Nothing was moved. Start a new run, and let another approver confirm it.",
        )
    return second


def triggering_user(context: Context) -> str:
    """Return the user who triggered the run; empty if Airflow does not know one."""
    return context["dag_run"].triggering_user_name or ""
