"""Evaluate the item model, which predicts the bought item, on the holdout's session-item pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline.features import spec as specs
from leapline.features.operations import Since
from leapline.modelling.day_data import DayData
from leapline.modelling.examples import SCORE, score, visitor_numbers, with_fitted_features
from leapline.settings import Settings
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
        The metrics of `evaluation.metrics.Metrics`, with pairs as rows; `first_is_bought`: among the sessions that buy
        one of their items, the share in which the item ranked first is bought; `calibration_ratio`
        (`evaluation.calibration_ratio.CalibrationRatio`) and `choices` (`evaluation.item_choices.ItemChoices`). None
        without an item model.
    """
    from pyspark.ml import PipelineModel

    folder = candidate / ITEMS
    if not folder.exists():
        return None
    spec = specs.load(folder / "features.json")
    _, holdout = data.split(ITEMS)
    pairs = with_fitted_features(holdout, spec)
    scored = score(PipelineModel.load(data.lake.address(candidate, f"{ITEMS}/pipeline")), pairs).toPandas()
    # Spark returns the pairs in no fixed order, while resamples and sums depend on the order.
    scored = scored.sort_values(["session", "item"], ignore_index=True)
    scored[["session", "item", "label", SCORE]].to_parquet(out / SCORES, index=False)
    return measure_items(data.settings, scored, read_json(folder / "training.json")["calibration"], since_view(spec))


def measure_items(
    settings: Settings, scored: "pd.DataFrame", calibration: dict[str, Any] | None, since: str | None
) -> dict[str, Any]:
    """Measure the item model on scored pairs.

    Args:
        settings: number of resamples, seed.
        scored: `session`, `visitor`, `item`, `label`, `score` and the features of each pair, sorted.
        calibration: of the item model, as in its `training.json`.
        since: the feature with the seconds since the item was last viewed, if there is one.
    """
    from leapline.evaluation import calibration_ratio, item_choices, metrics

    labels, scores = scored["label"].to_numpy(float), scored[SCORE].to_numpy(float)
    # The pairs of a visitor are not independent, so the intervals resample visitors.
    visitors = visitor_numbers(scored)
    resampling = {"resamples": settings.bootstrap_resamples, "seed": settings.seed}
    measured = metrics.measure(
        labels, scores, calibration, metrics.Bootstrap(visitors, settings.bootstrap_resamples, settings.seed)
    )
    ratio = calibration_ratio.measure(labels, metrics.calibrate(scores, calibration), visitors, **resampling)
    return measured.as_dict() | {
        "first_is_bought": _first_is_bought(scored),
        "calibration_ratio": ratio.as_dict(),
        "choices": item_choices.measure(scored, SCORE, since, **resampling).as_dict(),
    }


def since_view(spec: specs.FeatureSpec) -> str | None:
    """Return the feature with the seconds since the pair's item was last viewed; None if the spec has none."""
    for feature in spec.features:
        if not isinstance(feature, Since) or specs.scope_of(feature) != "item":
            continue
        if feature.kinds == ("item_view",) and feature.pages is None and feature.missing < 0:
            return feature.name
    return None


def _first_is_bought(scored: "pd.DataFrame") -> float | None:
    """Return the share of buying sessions whose top item is bought; tied items are ranked by id."""
    ranked = scored.sort_values(["session", SCORE, "item"], ascending=[True, False, True])
    sessions = ranked.groupby("session")["label"].agg(["first", "max"])
    buying = sessions[sessions["max"] == 1]
    return float(buying["first"].mean()) if len(buying) else None
