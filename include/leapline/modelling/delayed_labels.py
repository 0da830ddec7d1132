"""Delayed labels: events that arrive days after a run can turn a session without a purchase into one with a purchase.

This lists the judged days whose labels have changed, and the verdict that the gate would reach with today's labels.

    late/<last landed day>.json    a list of rows, one per judged day that was checked

Models, verdicts and tags stay unchanged: a day is judged again only on request.
"""

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from leapline.evaluation.rules import Rule
from leapline.evaluation.verdict import conclude, decide
from leapline.formatting import count
from leapline.modelling.comparison import compare_scores, compare_with_best, compare_with_champion, slices_of
from leapline.modelling.examples import BASELINE, SCORE, visitor_numbers
from leapline.modelling.order_history import orders_before
from leapline.privacy.exclusions import excluded_visitors
from leapline.privacy.pseudonym_keys import settings_of
from leapline.records import model_record, verdicts
from leapline.runtime.spark import spark_session
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.storage import Lake, json_bytes, lake_of, read_json

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

FOLDER = "late"


def list_label_changes(settings: Settings, day: date) -> list[dict[str, Any]]:
    """Check the judged days whose events may still arrive by `day`, oldest first, and write the list.

    Args:
        settings: `days_late` is the maximum lateness of an event.
        day: the last day that has landed, UTC.

    Returns:
        Rows of `data_day`, `sessions` (evaluated then), `flipped` (labels that differ now), `missing` (sessions that
        no longer exist), `added` (sessions that did not exist then), `roc_auc_then`, `roc_auc_now`, `verdict_then`,
        `verdict_now`, `passed_then`, `passed_now`, `changed` (whether a label changed or a session came or went) and
        `sentence` (all of it as text).

    Raises:
        InputError: the landing folder or a file in it cannot be read.
    """
    lake = lake_of(settings)
    judged = [d for d in verdicts.judged_days(lake) if day - timedelta(days=settings.days_late) <= d < day]
    rows: list[dict[str, Any]] = []
    if judged:
        with spark_session(settings, "late") as spark:
            rows = [label_changes(lake, settings, d, current_labels(spark, settings, d)) for d in judged]
    lake.store.put(f"{FOLDER}/{day.isoformat()}.json", json_bytes(rows))
    return rows


def current_labels(spark: "SparkSession", settings: Settings, day: date) -> "pd.Series[int]":
    """Return session -> label of a day, from all events that have landed so far.

    Orders that the lake's earlier days have counted do not count again, as in the step extract. Sessions have the
    pseudonyms of the day's evaluation.
    """
    from leapline.events.clean import CleanOptions, cleaned_day
    from leapline.features import spec as specs
    from leapline.training.examples import session_examples

    lake = lake_of(settings)
    settings = settings_of(settings, lake, "evaluations", day)
    earlier, erased = orders_before(lake, day, settings.repeated_order_days), excluded_visitors(lake)
    options = CleanOptions.of(settings)
    with (
        closing(source_from(settings, options.reads, spark)) as source,
        cleaned_day(spark, source, day, options, earlier_orders=earlier, erased=erased) as clean,
    ):
        # Labels do not depend on the features.
        examples = session_examples(clean.events, specs.default(), programs=options.programs)
        labels = examples.select("session", "label").toPandas()
    return labels.set_index("session")["label"]


def label_changes(lake: Lake, settings: Settings, day: date, current: "pd.Series[int]") -> dict[str, Any]:
    """Compare the labels of one evaluated day with the current ones, and judge the same scores again.

    Args:
        lake: with the day's evaluation and verdict.
        settings: the gate's limits.
        day: the data day.
        current: session -> label now.

    Returns:
        A row as in `list_label_changes`.
    """
    import pandas as pd

    scores = pd.read_parquet(lake.current("evaluations", day) / "scores.parquet")
    labels = scores["session"].map(current)
    relabelled = scores[labels.notna()].assign(label=labels.dropna().astype(int))
    old_verdict = verdicts.effective_verdict(lake, day)
    row = {
        "data_day": day.isoformat(),
        "sessions": len(scores),
        "flipped": int((relabelled["label"] != scores.loc[relabelled.index, "label"]).sum()),
        "missing": len(scores) - len(relabelled),
        "added": int((~current.index.isin(scores["session"])).sum()),
        "roc_auc_then": model_record.read(lake, day).evidence.metrics.roc_auc,
        "passed_then": old_verdict["passed"],
        "verdict_then": old_verdict["summary"],
        **_judge_again(lake, settings, day, relabelled, old_verdict),
    }
    return row | {"changed": any(row[k] for k in ("flipped", "missing", "added")), "sentence": _sentence(row)}


def _sentence(row: dict[str, Any]) -> str:
    return (
        f"{row['data_day']}: of {count(row['sessions'])} sessions, {count(row['flipped'])} have another label "
        f"and {count(row['missing'])} are missing; {count(row['added'])} sessions are new. "
        f"Then: {row['verdict_then']} Now: {row['verdict_now']}"
    )


def _judge_again(
    lake: Lake, settings: Settings, day: date, relabelled: "pd.DataFrame", old_verdict: dict[str, Any]
) -> dict[str, Any]:
    """Return the verdict on the same scores with other labels; the outcomes of the probe's rules stay.

    Champion and baseline are compared again.
    """
    from leapline.evaluation import metrics

    training = read_json(lake.current("candidates", day) / "training.json")
    record = model_record.read(lake, day)
    labels, scores = relabelled["label"].to_numpy(float), relabelled[SCORE].to_numpy(float)
    bootstrap = metrics.Bootstrap(visitor_numbers(relabelled), settings.bootstrap_resamples, settings.seed)
    evidence = replace(
        record.evidence,
        metrics=metrics.measure(labels, scores, training["calibration"], bootstrap),
        slices=slices_of(settings, relabelled, scores),
        champion=compare_with_champion(settings, relabelled, record.champion),
        best_champion=compare_with_best(settings, relabelled, record.best_champion, record.champion),
        baseline=compare_scores(settings, relabelled, BASELINE),
    )
    verdict = decide(evidence, verdicts.gate_limits(settings))
    gate_rules = {rule["name"] for rule in verdicts.gate_verdict(lake, day)["rules"]}
    probe_rules = [Rule(**rule) for rule in old_verdict["rules"] if rule["name"] not in gate_rules]
    if probe_rules:
        verdict = conclude([*verdict.rules, *probe_rules])
    return {"roc_auc_now": evidence.metrics.roc_auc, "passed_now": verdict.passed, "verdict_now": verdict.summary}
