"""Late truth: events that arrive days after a night can turn a session that did not buy into one that did. This lists
the judged days whose labels have changed, and what the gate would have said with the labels as they are now.

    late/<day of asking>.json    a list of rows, one a judged day that was looked at

Models, verdicts and tags stay as they are: a night is judged again only if it is asked for.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from leapline.evaluation.verdict import decide
from leapline.modelling.comparison import compare_scores, compare_with_champion, slices_of
from leapline.modelling.examples import BASELINE, SCORE
from leapline.records import model_record, verdicts
from leapline.runtime.spark import spark_session
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.storage import Lake, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

FOLDER = "late"


def listing(settings: Settings, day: date) -> list[dict[str, Any]]:
    """The judged days whose events could still arrive until `day`, oldest first, with what has become of them.

    Args:
        settings: `days_late` says how far back to look.
        day: the last day that has landed, UTC.

    Returns:
        Rows of `data_day`, `sessions` (judged then), `flipped` (labels that differ now), `missing` (sessions that are
        gone), `added` (sessions that were not there), `roc_auc_then`, `roc_auc_now`, `verdict_then`, `verdict_now`,
        `passed_then`, `passed_now`, `changed` (labels, or sessions that came or went) and `sentence` (all that in
        words).

    Raises:
        InputError: the landing folder or a file in it cannot be read.
    """
    lake = Lake(settings.home)
    judged = [d for d in verdicts.judged_days(lake) if day - timedelta(days=settings.days_late) <= d < day]
    rows: list[dict[str, Any]] = []
    if judged:
        with spark_session(settings, "late") as spark:
            rows = [row_of(lake, settings, d, labels_now(spark, settings, d)) for d in judged]
    write_json(settings.home / FOLDER / f"{day.isoformat()}.json", rows)
    return rows


def labels_now(spark: "SparkSession", settings: Settings, day: date) -> "pd.Series[int]":
    """Session -> label of a day, from all events that have landed by now."""
    from leapline.events.clean import CleanOptions, cleaned_day
    from leapline.training.examples import cut_and_label

    with cleaned_day(spark, source_from(settings), day, CleanOptions.of(settings)) as clean:
        labels = cut_and_label(clean.events).select("session", "label").distinct().toPandas()
    return labels.set_index("session")["label"]


def row_of(lake: Lake, settings: Settings, day: date, now: "pd.Series[int]") -> dict[str, Any]:
    """One day: its labels then and now, and the verdict on the same scores with either."""
    import pandas as pd

    scores = pd.read_parquet(lake.current("evaluations", day) / "scores.parquet")
    current = scores["session"].map(now)
    known = scores[current.notna()].assign(label=current.dropna().astype(int))
    then = read_json(lake.current("verdicts", day) / verdicts.FILE)
    found, again = model_record.read(lake, day), _judged_again(lake, settings, day, known)
    row = {
        "data_day": day.isoformat(),
        "sessions": len(scores),
        "flipped": int((known["label"] != scores.loc[known.index, "label"]).sum()),
        "missing": len(scores) - len(known),
        "added": int((~now.index.isin(scores["session"])).sum()),
        "roc_auc_then": found.evidence.metrics.roc_auc,
        "passed_then": then["passed"],
        "verdict_then": then["summary"],
        **again,
    }
    return row | {"changed": any(row[k] for k in ("flipped", "missing", "added")), "sentence": _sentence(row)}


def _sentence(row: dict[str, Any]) -> str:
    return (
        f"{row['data_day']}: of {row['sessions']} sessions {row['flipped']} have another label, {row['missing']} are "
        f"gone, {row['added']} are new. Then: {row['verdict_then']} Now: {row['verdict_now']}"
    )


def _judged_again(lake: Lake, settings: Settings, day: date, known: "pd.DataFrame") -> dict[str, Any]:
    """The gate's words on the same scores with other labels; champion and baseline are compared anew as well."""
    from leapline.evaluation import metrics

    training = read_json(lake.current("candidates", day) / "training.json")
    found = model_record.read(lake, day)
    labels, scores = known["label"].to_numpy(float), known[SCORE].to_numpy(float)
    draws = metrics.Draws(known["visitor"].to_numpy(str), settings.bootstrap_resamples, settings.seed)
    evidence = replace(
        found.evidence,
        metrics=metrics.measure(labels, scores, training["calibration"], draws),
        slices=slices_of(known, scores),
        champion=compare_with_champion(settings, known, found.champion),
        baseline=compare_scores(settings, known, BASELINE),
    )
    verdict = decide(evidence, verdicts.gate_limits(settings))
    return {"roc_auc_now": evidence.metrics.roc_auc, "passed_now": verdict.passed, "verdict_now": verdict.summary}
