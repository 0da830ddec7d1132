"""Approvers: who may move the champion and loosen limits, and who may be the second one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import NotPermittedError
from leapline.orchestration.approval import is_approver, require_approver, require_second
from leapline.settings import Settings


class Run:
    """A DAG run as the tasks see it."""

    run_type, logical_date, data_interval_start, data_interval_end = "manual", None, None, None
    run_after = datetime(2026, 3, 2, 4, tzinfo=UTC)

    def __init__(self, user: str | None, conf: dict[str, Any]) -> None:
        self.triggering_user_name, self.conf = user, conf


def test_without_approvers_airflow_alone_decides() -> None:
    assert is_approver(Settings.load(), "anybody")
    settings = Settings.load(approvers=" anna,ben ,")
    assert [name for name in ("anna", "ben", "bob", "") if is_approver(settings, name)] == ["anna", "ben"]


def test_error_names_the_approvers() -> None:
    with pytest.raises(NotPermittedError, match="to promote.*found the user bob.*one of the approvers anna, ben"):
        require_approver(Settings.load(approvers="ben,anna"), "bob", "promote a model")
    with pytest.raises(NotPermittedError, match="no user"):
        require_approver(Settings.load(approvers="ben,anna"), "", "promote a model")


@pytest.mark.parametrize(
    ("params", "act"),
    [
        ({"roc_auc_threshold": 0.6}, r"to loosen a limit \(roc_auc_threshold is 0.6 instead of 0.88\)"),
        ({"promote_backfills": True}, "to let a backfill move the champion"),
        ({"roc_auc_threshold": 0.93}, ""),
        ({"training_days": 3}, ""),
    ],
)
def test_run_with_a_looser_limit_needs_an_approver(
    params: dict[str, Any], act: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from leapline.orchestration.operators import ResolveDay

    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path))
    monkeypatch.setenv("LEAPLINE_APPROVERS", "anna")

    def resolve(user: str) -> dict[str, Any]:
        context: Any = {"params": params, "dag_run": Run(user, params), "run_id": f"by-{user}"}
        return dict(ResolveDay(takes_day=False).execute(context))

    assert resolve("anna")["who"] == "anna"
    if act:
        with pytest.raises(AirflowFailException, match=act):
            resolve("bob")
    else:
        assert resolve("bob")["who"] == "bob"


@pytest.mark.parametrize(
    ("chosen", "user", "problem"),
    [
        ("Approve", "anna", "the answer of the user who asked"),
        ("Approve", "bob", "the answer of bob, who is no approver"),
        ("Approve", "", "the answer of nobody"),
        ("Reject", "ben", "rejected by ben"),
    ],
)
def test_second_approval_needs_another_approver(chosen: str, user: str, problem: str) -> None:
    answer = {"chosen_options": [chosen], "responded_by_user": {"id": "1", "name": user} if user else None}
    with pytest.raises(NotPermittedError, match=problem):
        require_second(Settings.load(approvers="anna,ben"), "anna", answer, "promote a model")


def test_second_approver_is_returned() -> None:
    answer = {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "ben"}}
    assert require_second(Settings.load(approvers="anna,ben"), "anna", answer, "roll back") == "ben"
    assert require_second(Settings.load(), "anna", answer, "roll back") == "ben"
