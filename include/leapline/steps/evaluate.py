"""Score the holdout with the candidate and with the champion: metrics, intervals, slices, plots, and the sample that
the image must reproduce."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.features import spec as specs
from leapline.modelling import best_champion, champion_scores, item_model, probe_sample
from leapline.modelling.comparison import (
    BEST_CHAMPION_SCORE,
    CHAMPION_SCORE,
    SCORES,
    AreasByScore,
    areas_of,
    compare_scores,
    compare_with_best,
    compare_with_champion,
    slices_of,
)
from leapline.modelling.day_data import DayData
from leapline.modelling.examples import (
    BASELINE,
    SCORE,
    STATES_SO_FAR,
    score,
    visitor_numbers,
    with_baseline,
    with_fitted_features,
    with_states,
)
from leapline.modelling.leakage import measure_leakage
from leapline.modelling.served_quality import measure_served
from leapline.privacy.exclusions import unchanged_exclusions
from leapline.privacy.pseudonym_keys import copy_note
from leapline.records import binding, data_seals
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import lake_of, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel

    from leapline.evaluation.bootstrap import Array
    from leapline.training.markov import TransitionModel

CONTEXT = ("session", "visitor", "start_ts", "device", "new_visitor", "label")
"""Columns of `scores.parquet` besides the scores: whose session it is, and what slices it belongs to."""


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Evaluate the day's candidate on sessions that it was not trained on.

    Returns:
        The metrics on whole sessions (`evaluation.metrics.Metrics`), and the comparisons with the `champion`
        and the `best_champion` of the last days.

    Raises:
        NotInLakeError: no candidate of that day.
        InputChangedError: events, examples or candidate were changed since they were written.
        ErasedMeanwhileError: visitors were erased while it was evaluated.
    """
    from pyspark.ml import PipelineModel

    from leapline.training.markov import TransitionModel

    lake = lake_of(settings)
    data_seals.require_day_unchanged(lake, context.day)
    candidate, inputs = lake.current("candidates", context.day), binding.candidate_digest(lake, context.day)
    training = read_json(candidate / "training.json")
    spec = specs.load(candidate / "features.json")
    with (
        unchanged_exclusions(lake),
        spark_session(settings, "evaluate") as spark,
        lake.attempt("evaluations", context.day) as out,
    ):
        data = DayData(spark, settings, lake, context.day)
        transitions = TransitionModel.from_dict(read_json(candidate / "markov.json"))
        model = PipelineModel.load(lake.address(candidate, "pipeline"))
        examples = _score_holdout(data, model, spec, transitions)
        # A model is evaluated on whole sessions, each once; its quality while sessions are in progress is separate.
        scored = examples[examples["whole"]].drop(columns=["cut", "whole", STATES_SO_FAR]).reset_index(drop=True)
        champion, scores = champion_scores.score_champion(data, scored, spec)
        best, best_scores = best_champion.score_best_champion(data, scored, spec, champion)
        for column, values in ((CHAMPION_SCORE, scores), (BEST_CHAMPION_SCORE, best_scores)):
            if values is not None:
                scored[column] = values
        facts = {
            "largest_tree": _largest_tree(model),
            "permutation": _permutation_importance(data, model, scored, spec),
            **measure_served(settings, examples, training["calibration"]),
            "leakage": measure_leakage(settings, examples, spec).as_dict(),
            "items": item_model.evaluate_items(data, candidate, out),
        }
        areas = areas_of(settings, scored)
        summary = write_evaluation(settings, out, scored, training, f"data day {context.day}", facts, areas)
        probe_sample.write_events(data, out)
        copy_note(lake.current("examples", context.day), out)
        champion = compare_with_champion(settings, scored, champion, areas)
        best = compare_with_best(settings, scored, best, champion, areas)
        write_json(out / "champion.json", champion.as_dict() | {"best": best.as_dict()})
        binding.seal(lake, out, inputs)
    return summary | {"champion": champion.as_dict(), "best_champion": best.as_dict()}


def write_evaluation(
    settings: Settings,
    out: Path,
    scored: "pd.DataFrame",
    training: dict[str, Any],
    title: str,
    facts: dict[str, Any],
    areas: "AreasByScore | None" = None,
) -> dict[str, Any]:
    """Measure the scores of the holdout, and write metrics, curves, plots, scores and the probe's sample.

    Args:
        settings: number of resamples, seed, size of the sample.
        out: folder of the evaluation.
        scored: one row per session: `CONTEXT`, the features and the scores.
        training: content of the candidate's `training.json`.
        title: of the plots.
        facts: further keys of `metrics.json`.
        areas: as of `areas_of`; computed if None.

    Returns:
        The metrics.
    """
    from leapline.evaluation import metrics, plots

    labels, scores = scored["label"].to_numpy(float), scored[SCORE].to_numpy(float)
    areas = areas_of(settings, scored) if areas is None else areas
    visitors = visitor_numbers(scored)
    bootstrap = metrics.Bootstrap(visitors, settings.bootstrap_resamples, settings.seed, areas.get(SCORE))
    measured = metrics.measure(labels, scores, training["calibration"], bootstrap)
    curves = metrics.curves(labels, scores, training["calibration"])
    plots.draw(out / "plots", title, measured, curves, training["importances"])
    if curves:
        write_json(out / "curves.json", curves.as_dict())
    columns = [name for name in (*CONTEXT, *SCORES) if name in scored]
    scored[columns].to_parquet(out / "scores.parquet", index=False)
    baseline = compare_scores(settings, scored, BASELINE, areas)
    baseline_metrics = metrics.measure(labels, scored[BASELINE].to_numpy(float)) if BASELINE in scored else None
    facts |= {
        "digest": _digest(scored.drop(columns=[CHAMPION_SCORE, BEST_CHAMPION_SCORE], errors="ignore")),
        "baseline_roc_auc": baseline_metrics.roc_auc if baseline_metrics else None,
        "baseline_average_precision": baseline_metrics.average_precision if baseline_metrics else None,
        "slices": [part.as_dict() for part in slices_of(settings, scored, scores)],
        "baseline": baseline.as_dict() if baseline else None,
    }
    write_json(out / "metrics.json", measured.as_dict() | facts)
    write_json(out / "probe_rows.json", _probe_rows(settings, scored))
    return measured.as_dict()


def _score_holdout(
    data: DayData, model: "PipelineModel", spec: specs.FeatureSpec, transitions: "TransitionModel"
) -> "pd.DataFrame":
    """Return the holdout's examples, whole sessions and prefixes, with the candidate's and the baseline's scores."""
    _, holdout = data.split()
    examples = score(model, with_fitted_features(with_states(with_baseline(holdout, transitions)), spec)).toPandas()
    return examples.sort_values(["session", "cut"], ignore_index=True)


def _digest(scored: "pd.DataFrame") -> str:
    """Return a digest of the holdout's sessions, features and scores; the rows are sorted by session."""
    from pandas.util import hash_pandas_object

    columns = scored[sorted(scored.columns)]
    return hashlib.sha256(hash_pandas_object(columns, index=False).to_numpy().tobytes()).hexdigest()[:16]


def _permutation_importance(
    data: DayData, model: "PipelineModel", scored: "pd.DataFrame", spec: specs.FeatureSpec
) -> dict[str, float]:
    from leapline.evaluation.permutation import importance

    def scores(rows: "pd.DataFrame") -> "Array":
        import pyarrow as pa

        table = pa.Table.from_pandas(rows.assign(row=range(len(rows))), preserve_index=False)
        # Without a shuffle, Spark scores a local table in the driver, row by row.
        distributed = data.spark.createDataFrame(table).repartition(data.settings.spark_shuffle_partitions)
        result = score(model, distributed).select("row", SCORE).toPandas()
        return result.sort_values("row")[SCORE].to_numpy(float)

    return importance(scored, spec.columns, scores, seed=data.settings.seed)


def _probe_rows(settings: Settings, scored: "pd.DataFrame") -> dict[str, Any]:
    """Return a random sample of holdout sessions with their features and Spark's scores."""
    features = [column for column in scored.columns if column not in {*CONTEXT, *SCORES}]
    sample = scored.sample(min(settings.probe_rows, len(scored)), random_state=settings.seed).sort_index()
    rows = {"rows": sample[features].to_dict("records"), "expected": sample[SCORE].tolist()}
    return rows | {"sessions": sample["session"].tolist(), "holdout": len(scored)}


def _largest_tree(model: "PipelineModel") -> int | None:
    trees = getattr(model.stages[-1], "trees", None)
    return max(tree.numNodes for tree in trees) if trees else None


if __name__ == "__main__":
    main("evaluate", run)
