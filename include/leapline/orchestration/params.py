"""The trigger form of the `retrain` DAG, and what a run makes of it.

A param that is left empty means "as this installation is set". Ranges and help texts come from the settings themselves.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypedDict

from airflow.sdk import Param

from leapline.errors import SettingsError
from leapline.settings import Settings

_FIELDS: dict[str, dict[str, Any]] = Settings.model_json_schema()["properties"]
_RANGE = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


class Facts(TypedDict):
    """What `resolve` finds out once and every later task works with; plain JSON.

    day: the data day, ISO. backfill: whether the run rebuilds the past. ready_at: when the tails of the day's sessions
    are in, ISO with zone; None when nobody waits. overrides: settings of this run alone.
    """

    day: str
    backfill: bool
    ready_at: str | None
    overrides: dict[str, Any]


def _optional(setting: str, title: str) -> Param:
    field = _FIELDS[setting]
    return Param(
        None,
        type=["null", field["type"]],
        title=title,
        description=f"{field['description']} Empty: as installed ({field['default']} by default).",
        **{key: field[key] for key in _RANGE if key in field},
    )


def _day(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


PARAMS: dict[str, Param] = {
    "date": _day(
        "Data day",
        "Whose events to judge on (UTC). Empty: the day of the data interval, else the day before the run.",
    ),
    "training_days": _optional("training_days", "Training days"),
    "roc_auc_threshold": _optional("roc_auc_threshold", "ROC AUC threshold"),
    "promote": Param(
        True,
        type="boolean",
        title="Promote",
        description="Move the `champion` tag if the model passes. Off: publish it under its own tag only.",
    ),
    "promote_backfills": Param(
        False,
        type="boolean",
        title="Promote backfills",
        description="Let this backfill move the `champion` tag, even to a model of an older data day.",
    ),
}

LATE_PARAMS: dict[str, Param] = {
    "date": _day(
        "Landed until",
        "The last day that has landed (UTC); the judged days before it are looked at. Empty: yesterday.",
    ),
    "reopen": Param(
        False,
        type="boolean",
        title="Judge again",
        description="Run the days whose labels have changed once more, without promoting any of them.",
    ),
}
"""Of the DAG that looks for late truth."""

REASON = Param(
    None, type=["null", "string"], title="Why", description="For the ledger. Empty: the name of whoever triggered it."
)
"""Of the DAGs that move the champion by hand."""


def resolve(
    params: dict[str, Any], run: Any, settings: Settings | None = None, known: Collection[str] = tuple(PARAMS)
) -> Facts:
    """Settle what a run works on.

    Args:
        params: the run's params.
        run: Airflow's DAG run: `run_type`, `data_interval_start`, `run_after`, `conf`.
        settings: the installation's settings; loaded if not given.
        known: names of the params that the DAG has.

    Raises:
        SettingsError: an unknown param, or one out of range.
    """
    _refuse_unknown(run.conf or {}, known)
    overrides = _overrides(params)
    loaded = settings or Settings.load(**overrides)
    day = data_day(params.get("date"), run.data_interval_start, run.run_after)
    on_schedule = run.run_type in ("scheduled", "backfill") and not params.get("date")
    return {
        "day": day.isoformat(),
        "backfill": run.run_type == "backfill",
        "ready_at": tail_is_in(day, loaded.lookahead_hours).isoformat() if on_schedule else None,
        "overrides": overrides,
    }


def data_day(asked: str | None, interval_start: datetime | None, run_after: datetime) -> date:
    """The data day (UTC): as asked, else the data interval's, else the last whole day before the run was due.

    A run triggered without a date has no interval; `run_after` is written down with the run, so that a retry or a
    cleared task still works on the same day.

    Raises:
        SettingsError: what was asked for is not a date.
    """
    if asked:
        try:
            return date.fromisoformat(asked)
        except ValueError as exc:
            raise SettingsError(
                "param date", found=repr(asked), expected="a day as YYYY-MM-DD", fix="Correct it in the trigger form."
            ) from exc
    if interval_start is not None:
        return interval_start.astimezone(UTC).date()
    return run_after.astimezone(UTC).date() - timedelta(days=1)


def tail_is_in(day: date, lookahead_hours: int) -> datetime:
    """When the tails of the day's last sessions are in: `lookahead_hours` past the midnight that ends the day."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1, hours=lookahead_hours)


def _overrides(params: dict[str, Any]) -> dict[str, Any]:
    asked = {k: params.get(k) for k in ("training_days", "roc_auc_threshold")}
    given = {k: v for k, v in asked.items() if v is not None}
    # The form's defaults must not overrule an installation that never promotes, or that promotes backfills.
    switches = {"promote": False} if not params.get("promote", True) else {}
    return given | switches | ({"promote_backfills": True} if params.get("promote_backfills") else {})


def _refuse_unknown(conf: dict[str, Any], known: Collection[str]) -> None:
    if unknown := sorted(set(conf) - set(known)):
        raise SettingsError(
            f"param {unknown[0]}",
            found="no param of that name",
            expected=f"one of {', '.join(known)}",
            fix="Correct it in the run's configuration.",
        )
