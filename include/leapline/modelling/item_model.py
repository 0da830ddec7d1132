"""The model of which viewed item is bought, judged on the data day's pairs."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline.features import spec as specs
from leapline.modelling.examples import SCORE, finished, score, split
from leapline.settings import Settings
from leapline.storage import Lake, read_json

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

ITEMS: Final = "items"
SCORES: Final = "item_scores.parquet"
"""In an evaluation: `session`, `item`, `label` and the model's `score` of each pair of the holdout."""


def judge(
    spark: "SparkSession", settings: Settings, lake: Lake, day: date, candidate: Path, out: Path
) -> dict[str, Any] | None:
    """Its metrics on pairs of the holdout, as a session model's, and further `first_is_bought`: of the sessions that
    buy one of their items, the share in which the item ranked first is bought. None if there is no such model; else
    each pair's score is kept in `out`."""
    from pyspark.ml import PipelineModel

    from leapline.evaluation import metrics

    folder = candidate / ITEMS
    if not folder.exists():
        return None
    _, holdout = split(spark, settings, lake, day, ITEMS)
    pairs = finished(holdout, specs.load(folder / "features.json"))
    scored = score(PipelineModel.load(str(folder / "pipeline")), pairs).toPandas()
    # Spark gives the pairs in an order of its own, and draws and sums go by the order.
    scored = scored.sort_values(["session", "item"], ignore_index=True)
    scored[["session", "item", "label", SCORE]].to_parquet(out / SCORES, index=False)
    labels, scores = scored["label"].to_numpy(float), scored[SCORE].to_numpy(float)
    measured = metrics.measure(labels, scores, read_json(folder / "training.json")["calibration"])
    return measured.as_dict() | {"first_is_bought": _first_is_bought(scored)}


def _first_is_bought(scored: "pd.DataFrame") -> float | None:
    """Items of equal score in the order of their ids."""
    ranked = scored.sort_values(["session", SCORE, "item"], ascending=[True, False, True])
    sessions = ranked.groupby("session")["label"].agg(["first", "max"])
    buyers = sessions[sessions["max"] == 1]
    return float(buyers["first"].mean()) if len(buyers) else None
