"""Evaluate the item model, which predicts the bought item, on the holdout's session-item pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline.features import spec as specs
from leapline.modelling.day_data import DayData
from leapline.modelling.examples import SCORE, score, with_fitted_features
from leapline.storage import Folder, read_json

if TYPE_CHECKING:
    import pandas as pd

ITEMS: Final = "items"
SCORES: Final = "item_scores.parquet"
"""In an evaluation: `session`, `item`, `label` and the model's `score` of each pair of the holdout."""


def evaluate_items(data: DayData, candidate: Folder, out: Path) -> dict[str, Any] | None:
    """Score the holdout's pairs and measure the item model.

    Args:
        data: the data day.
        candidate: folder of the candidate.
        out: folder for each pair's score.

    Returns:
        The metrics of `evaluation.metrics.Metrics`, with pairs as rows, and `first_is_bought`: among the sessions that
        buy one of their items, the share in which the item ranked first is bought. None without an item model.
    """
    from pyspark.ml import PipelineModel

    from leapline.evaluation import metrics

    folder = candidate / ITEMS
    if not folder.exists():
        return None
    _, holdout = data.split(ITEMS)
    pairs = with_fitted_features(holdout, specs.load(folder / "features.json"))
    scored = score(PipelineModel.load(data.lake.address(candidate, f"{ITEMS}/pipeline")), pairs).toPandas()
    # Spark returns the pairs in no fixed order, while resamples and sums depend on the order.
    scored = scored.sort_values(["session", "item"], ignore_index=True)
    scored[["session", "item", "label", SCORE]].to_parquet(out / SCORES, index=False)
    labels, scores = scored["label"].to_numpy(float), scored[SCORE].to_numpy(float)
    # The pairs of a visitor are not independent, so the intervals resample visitors.
    bootstrap = metrics.Bootstrap(
        scored["visitor"].to_numpy(str), data.settings.bootstrap_resamples, data.settings.seed
    )
    measured = metrics.measure(labels, scores, read_json(folder / "training.json")["calibration"], bootstrap)
    return measured.as_dict() | {"first_is_bought": _first_is_bought(scored)}


def _first_is_bought(scored: "pd.DataFrame") -> float | None:
    """Return the share of buying sessions whose top item is bought; tied items are ranked by id."""
    ranked = scored.sort_values(["session", SCORE, "item"], ascending=[True, False, True])
    sessions = ranked.groupby("session")["label"].agg(["first", "max"])
    buying = sessions[sessions["max"] == 1]
    return float(buying["first"].mean()) if len(buying) else None
