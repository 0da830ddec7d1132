"""The params of the DAGs (their trigger forms), and how a run's data day and settings are resolved from them.

An empty param means the installation's setting. Ranges and help texts come from the settings themselves.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NotRequired, TypedDict

from airflow.sdk import Param

from leapline.errors import SettingsError
from leapline.settings import Settings

_FIELDS: dict[str, dict[str, Any]] = Settings.model_json_schema()["properties"]
_AUTOMATED = ("scheduled", "backfill")
_DAY = timedelta(days=1)
_RANGE = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


class ResolvedRun(TypedDict):
    """The parameters that every task of a run receives, as plain JSON.

    Attributes:
        day: the data day, ISO 8601.
        backfill: whether the run belongs to a backfill.
        ready_at: when the last events of the day's sessions have arrived, ISO 8601 with time zone; None if the run
            does not wait.
        overrides: settings that apply to this run only.
        who: the user who triggered the run; empty if the schedule did.
        host: name of the host on which the run began; see `shared_lake`.
    """

    day: str
    backfill: bool
    ready_at: str | None
    overrides: dict[str, Any]
    who: NotRequired[str]
    host: NotRequired[str]


def _optional(setting: str, title: str) -> Param:
    field = _FIELDS[setting]
    return Param(
        None,
        type=["null", field["type"]],
        title=title,
        description=f"{field['description']} Empty: the installation's setting (default {field['default']}).",
        **{key: field[key] for key in _RANGE if key in field},
    )


def _day(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


PARAMS: dict[str, Param] = {
    "date": _day(
        "Data day",
        "The day whose events are evaluated (UTC). Empty: that of the data interval or logical date, else yesterday.",
    ),
    "training_days": _optional("training_days", "Training days"),
    "roc_auc_threshold": _optional("roc_auc_threshold", "ROC AUC threshold"),
    "promote": Param(
        True,
        type="boolean",
        title="Promote",
        description="Move the tag `champion` if the model passes. Off: publish the model under its own tag only.",
    ),
    "promote_backfills": Param(
        False,
        type="boolean",
        title="Promote backfills",
        description="Let this backfill move the tag `champion`, even to a model of an older data day.",
    ),
}
"""Params of the DAG `retrain`."""

RETENTION_PARAMS: dict[str, Param] = {
    "retention_max_gap_days": _optional("retention_max_gap_days", "Maximum age of the newest day"),
}
"""Params of the DAG `retention`."""

LATE_PARAMS: dict[str, Param] = {
    "date": _day(
        "Last landed day",
        "The last day whose events have landed (UTC); evaluated days before it are checked. Empty: yesterday.",
    ),
    "reopen": Param(
        False,
        type="boolean",
        title="Evaluate again",
        description="Run `retrain` for the days whose labels have changed, without promoting.",
    ),
}
"""Params of the DAG `late` (delayed labels)."""

DRILL_PARAMS: dict[str, Param] = {
    "sessions_per_day": Param(
        1500,
        type="integer",
        minimum=1500,
        maximum=100_000,
        title="Sessions per day",
        description="Sessions per day of the generated shop on which the stages are broken.",
    ),
}
"""Params of the DAG `drill`."""

REASON = Param(
    None,
    type=["null", "string"],
    title="Reason",
    description="Recorded in the ledger. Empty: the name of the user who triggered the run.",
)
"""Param of the DAGs that move the champion manually."""


def resolve(
    params: dict[str, Any], run: Any, settings: Settings | None = None, param_names: Collection[str] = tuple(PARAMS)
) -> ResolvedRun:
    """Resolve the data day and the settings of a run.

    Args:
        params: the run's params.
        run: Airflow's DAG run: `run_type`, `logical_date`, `data_interval_start` and `_end`, `run_after`, `conf`.
        settings: the installation's settings; loaded if None.
        param_names: names of the DAG's params.

    Raises:
        SettingsError: an unknown param, or a value out of range.
    """
    _reject_unknown(run.conf or {}, param_names)
    overrides = _overrides(params)
    loaded = settings or Settings.load(**overrides)
    day = data_day(params.get("date"), run)
    waits = run.run_type in _AUTOMATED and not params.get("date")
    return {
        "day": day.isoformat(),
        "backfill": run.run_type == "backfill",
        "ready_at": tail_complete_at(day, loaded.lookahead_hours).isoformat() if waits else None,
        "overrides": overrides,
    }


def data_day(requested: str | None, run: Any) -> date:
    """Return the data day (UTC) of a run.

    1. The param `date`, if it is given.
    2. The day on which the run's data interval starts: of scheduled runs and backfills, and of manual runs for which an
       interval was given.
    3. The day of the run's logical date. If this day has not ended when the run is due, the last day that has.
    4. The last day that has ended when the run is due.

    All of it is stored with the run, so a retry or a cleared task works on the same day.

    Raises:
        SettingsError: `requested` is not a date.
    """
    if requested:
        return _parse_day(requested)
    last_complete = _utc_day(run.run_after) - _DAY
    if run.data_interval_start and (run.run_type in _AUTOMATED or not _is_inferred_interval(run)):
        return _utc_day(run.data_interval_start)
    return min(_utc_day(run.logical_date), last_complete) if run.logical_date else last_complete


def _parse_day(requested: str) -> date:
    try:
        return date.fromisoformat(requested)
    except ValueError as exc:
        raise SettingsError(
            "param date", found=repr(requested), expected="a day as YYYY-MM-DD", fix="Correct it in the trigger form."
        ) from exc


def _is_inferred_interval(run: Any) -> bool:
    """Return whether Airflow chose the interval of a manual run: the last whole day before a reference time.

    The reference time is the logical date for runs from the web UI and the API, and the present for those from the
    command line. An interval given explicitly that ends on the logical date looks the same. A DAG without a schedule
    gets an empty interval.
    """
    references = (run.logical_date, run.run_after)
    ends = {datetime.combine(_utc_day(reference), time(), UTC) for reference in references if reference}
    start, end = run.data_interval_start, run.data_interval_end
    return start == end or (end in ends and start == end - _DAY)


def _utc_day(timestamp: datetime) -> date:
    return timestamp.astimezone(UTC).date()


def tail_complete_at(day: date, lookahead_hours: int) -> datetime:
    """Return when the day's last sessions are complete: `lookahead_hours` after the midnight that ends the day."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1, hours=lookahead_hours)


def _overrides(params: dict[str, Any]) -> dict[str, Any]:
    optional = {name: params.get(name) for name in ("training_days", "roc_auc_threshold")}
    overrides = {name: value for name, value in optional.items() if value is not None}
    # The form's defaults must not override an installation that never promotes, or that promotes backfills.
    switches = {"promote": False} if not params.get("promote", True) else {}
    return overrides | switches | ({"promote_backfills": True} if params.get("promote_backfills") else {})


def _reject_unknown(conf: dict[str, Any], param_names: Collection[str]) -> None:
    if unknown := sorted(set(conf) - set(param_names)):
        raise SettingsError(
            f"param {unknown[0]}",
            found="no param of that name",
            expected=f"one of {', '.join(param_names)}",
            fix="Correct the run's configuration.",
        )
