"""Score the holdout with the candidate and with the champion: metrics, intervals, slices, plots, and the rows that the
image will have to reproduce."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.features import spec as specs
from leapline.modelling import champion_scores, item_model, probe_sample
from leapline.modelling.comparison import CHAMPION_SCORE, compare_scores, compare_with_champion, slices_of
from leapline.modelling.examples import BASELINE, SCORE, finished, score, split, with_baseline
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel
    from pyspark.sql import SparkSession

    from leapline.evaluation.bootstrap import Array

# Beside each session's scores: what its slices are made of, and whose it is.
DESCRIBING = ("session", "visitor", "start_ts", "device", "new_visitor", "label")


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Judge the day's candidate on sessions that it has not seen.

    Raises:
        NotInLakeError: no candidate of that day.
    """
    from pyspark.ml import PipelineModel

    from leapline.evaluation import session_progress
    from leapline.training.markov import Chains

    lake = Lake(settings.home)
    candidate = lake.current("candidates", context.day)
    training = read_json(candidate / "training.json")
    spec = specs.load(candidate / "features.json")
    with spark_session(settings, "evaluate") as spark, lake.attempt("evaluations", context.day) as out:
        _, holdout = split(spark, settings, lake, context.day)
        chains = Chains.from_dict(read_json(candidate / "markov.json"))
        model = PipelineModel.load(str(candidate / "pipeline"))
        every = score(model, finished(with_baseline(holdout, chains), spec)).toPandas()
        every = every.sort_values(["session", "cut"], ignore_index=True)
        # A model is judged on whole sessions, each once; how well it does while they go on is told beside.
        scored = every[every["whole"]].drop(columns=["cut", "whole"]).reset_index(drop=True)
        rival, scores = champion_scores.rescore(spark, settings, lake, context.day, scored, spec)
        if scores is not None:
            scored[CHAMPION_SCORE] = scores
        moved = _permuted(spark, settings, model, scored, spec)
        facts = {
            "largest_tree": _largest_tree(model),
            "permutation": moved,
            "moments": session_progress.measure(*(every[name].to_numpy(float) for name in ("label", SCORE, "cut"))),
            "items": item_model.judge(spark, settings, lake, context.day, candidate, out),
        }
        summary = _write(settings, out, scored, training, f"Data day {context.day}", facts)
        probe_sample.write_events(spark, lake, context.day, out)
        rival = compare_with_champion(settings, scored, rival)
        write_json(out / "champion.json", rival.as_dict())
    return summary | {"champion": rival.as_dict()}


def _write(
    settings: Settings, out: Path, scored: "pd.DataFrame", training: dict[str, Any], title: str, facts: dict[str, Any]
) -> dict[str, Any]:
    from leapline.evaluation import metrics, plots

    labels, scores = scored["label"].to_numpy(float), scored[SCORE].to_numpy(float)
    draws = metrics.Draws(scored["visitor"].to_numpy(str), settings.bootstrap_resamples, settings.seed)
    measured = metrics.measure(labels, scores, training["calibration"], draws)
    curves = metrics.curves(labels, scores, training["calibration"])
    plots.draw(out / "plots", title, measured, curves, training["importances"])
    if curves:
        write_json(out / "curves.json", curves.as_dict())
    kept = [name for name in (*DESCRIBING, SCORE, CHAMPION_SCORE, BASELINE) if name in scored]
    scored[kept].to_parquet(out / "scores.parquet", index=False)
    baseline = compare_scores(settings, scored, BASELINE)
    alone = metrics.measure(labels, scored[BASELINE].to_numpy(float)) if BASELINE in scored else None
    facts |= {
        "digest": _digest(scored.drop(columns=[CHAMPION_SCORE], errors="ignore")),
        "baseline_roc_auc": alone.roc_auc if alone else None,
        "baseline_average_precision": alone.average_precision if alone else None,
        "slices": [part.as_dict() for part in slices_of(scored, scores)],
        "baseline": baseline.as_dict() if baseline else None,
    }
    write_json(out / "metrics.json", measured.as_dict() | facts)
    write_json(out / "probe_rows.json", _probe_rows(settings, scored))
    return measured.as_dict()


def _digest(scored: "pd.DataFrame") -> str:
    """Of the holdout's examples and the candidate's scores; the rows stand in the order of their sessions."""
    from pandas.util import hash_pandas_object

    columns = scored[sorted(scored.columns)]
    return hashlib.sha256(hash_pandas_object(columns, index=False).to_numpy().tobytes()).hexdigest()[:16]


def _permuted(
    spark: "SparkSession", settings: Settings, model: "PipelineModel", scored: "pd.DataFrame", spec: specs.FeatureSpec
) -> dict[str, float]:
    from leapline.evaluation.permutation import importance

    def scores(rows: "pd.DataFrame") -> "Array":
        import pyarrow as pa

        table = pa.Table.from_pandas(rows.assign(row=range(len(rows))), preserve_index=False)
        # Shuffled, as Spark would else score rows that it was handed in the driver alone, one by one.
        spread = spark.createDataFrame(table).repartition(settings.spark_shuffle_partitions)
        answered = score(model, spread).select("row", SCORE).toPandas()
        return answered.sort_values("row")[SCORE].to_numpy(float)

    return importance(scored, spec.columns, scores, seed=settings.seed)


def _probe_rows(settings: Settings, scored: "pd.DataFrame") -> dict[str, Any]:
    """Holdout rows spread over the whole of it, with Spark's own scores and the sessions that they are of."""
    features = [column for column in scored.columns if column not in {*DESCRIBING, SCORE, CHAMPION_SCORE, BASELINE}]
    sample = scored.sample(min(settings.probe_rows, len(scored)), random_state=settings.seed).sort_index()
    numbers = {"rows": sample[features].to_dict("records"), "expected": sample[SCORE].tolist()}
    return numbers | {"sessions": sample["session"].tolist(), "holdout": len(scored)}


def _largest_tree(model: "PipelineModel") -> int | None:
    trees = getattr(model.stages[-1], "trees", None)
    return max(tree.numNodes for tree in trees) if trees else None


if __name__ == "__main__":
    main("evaluate", run)
