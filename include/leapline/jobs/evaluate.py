"""Score the holdout with the candidate: metrics, plots, and the rows that the image will have to reproduce."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.jobs.examples import SCORE, score, split
from leapline.jobs.run import Run, main
from leapline.jobs.session import spark_session
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Judge the day's candidate on sessions that it has not seen.

    Raises:
        NotInLakeError: no candidate of that day.
    """
    from pyspark.ml import PipelineModel

    lake = Lake(settings.home)
    candidate = lake.current("candidates", run.day)
    training = read_json(candidate / "training.json")
    with spark_session(settings, "evaluate") as spark, lake.attempt("evaluations", run.day) as out:
        _, holdout = split(spark, settings, lake, run.day)
        model = PipelineModel.load(str(candidate / "pipeline"))
        scored = score(model, holdout).toPandas().sort_values("session", ignore_index=True)
        summary = _write(settings, out, scored, training, f"Data day {run.day}")
        write_json(out / "metrics.json", summary | {"largest_tree": _largest_tree(model)})
    return summary


def _write(
    settings: Settings, out: Path, scored: "pd.DataFrame", training: dict[str, Any], title: str
) -> dict[str, Any]:
    from leapline.evaluation import metrics, plots

    labels, scores = scored["label"].to_numpy(float), scored[SCORE].to_numpy(float)
    measured = metrics.measure(labels, scores, training["calibration"])
    curves = metrics.curves(labels, scores, training["calibration"])
    plots.draw(out / "plots", title, measured, curves, training["importances"])
    if curves:
        write_json(out / "curves.json", curves.as_dict())
    scored[["session", "label", SCORE]].to_parquet(out / "scores.parquet", index=False)
    write_json(out / "probe_rows.json", _probe_rows(settings, scored))
    return measured.as_dict()


def _probe_rows(settings: Settings, scored: "pd.DataFrame") -> dict[str, Any]:
    """Holdout rows spread over the whole of it, with Spark's own scores."""
    beside = {"session", "visitor", "start_ts", "device", "new_visitor", "label", SCORE}
    features = [column for column in scored.columns if column not in beside]
    sample = scored.sample(min(settings.probe_rows, len(scored)), random_state=settings.seed).sort_index()
    return {"rows": sample[features].to_dict("records"), "expected": sample[SCORE].tolist()}


def _largest_tree(model: "PipelineModel") -> int | None:
    trees = getattr(model.stages[-1], "trees", None)
    return max(tree.numNodes for tree in trees) if trees else None


if __name__ == "__main__":
    main("evaluate", run)
