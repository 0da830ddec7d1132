"""A small grid search over the forest's hyperparameters: depth, and features tried at each split.

It uses training days alone: the latest 30 % of their sessions evaluate forests fitted on the others, without visitors
of the evaluation part. Other hyperparameters than the configured ones are selected only if the whole confidence
interval of the difference is above 0. (Without that condition a search on 14,118 generated sessions selected some that
gained 0.007 ROC AUC on the evaluation part and lost 0.003 on the next day.) More trees never rank worse, they only cost
time, so their number is not searched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from leapline.settings import Settings
from leapline.training.calibration import Array
from leapline.training.examples import KEYS, split_by_time, without_visitors_of
from leapline.training.forest import KEY, LABEL, fit

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

DEPTHS = (6, 10, 14)
FEATURES = ("onethird", "sqrt")
TREES = 20
CertainGain = Callable[[Array, Array, Array, Sequence[str]], float | None]
"""(labels, trial's scores, configured forest's scores, visitors) -> lower bound of the gain in ROC AUC."""


@dataclass(frozen=True)
class Trial:
    """One combination of hyperparameters and its result.

    Attributes:
        forest_depth: maximum tree depth.
        forest_features: features tried at each split.
        roc_auc: on the evaluation part.
        gain: lower end of the interval of ROC AUC minus that of the configured hyperparameters; None for these.
    """

    forest_depth: int
    forest_features: str
    roc_auc: float
    gain: float | None = None

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The settings of the trial."""
        return {"forest_depth": self.forest_depth, "forest_features": self.forest_features}

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)


def search(
    examples: "DataFrame", numeric: Sequence[str], categorical: Sequence[str], settings: Settings, gain: CertainGain
) -> list[Trial]:
    """Evaluate every combination of the grid; the configured one comes first.

    Args:
        examples: the training examples, with `start_ts` and `visitor`.
        numeric: feature columns of doubles.
        categorical: feature columns of strings.
        settings: the seed, and the configured hyperparameters.
        gain: computes the lower bound of a trial's gain.

    Raises:
        TrainingError: a part of the examples has one class only.
    """
    earlier, later = split_by_time(examples)
    evaluation = later.where("whole") if "whole" in later.columns else later
    earlier, later = without_visitors_of(earlier, later).cache(), evaluation.cache()
    configured = (settings.forest_depth, settings.forest_features)
    grid = [configured, *((d, f) for d in DEPTHS for f in FEATURES if (d, f) != configured)]
    try:
        scored = [_score(_fit(earlier, numeric, categorical, settings, *point), later) for point in grid]
        return [_trial(point, rows, scored[0], gain) for point, rows in zip(grid, scored, strict=True)]
    finally:
        earlier.unpersist()
        later.unpersist()


def select_best(trials: Sequence[Trial]) -> Mapping[str, Any]:
    """Return the settings of the best trial with a certain gain; those of the first trial if there is none."""
    better = [trial for trial in trials if trial.gain is not None and trial.gain > 0]
    return max(better, key=lambda trial: trial.roc_auc, default=trials[0]).hyperparameters


def _fit(
    earlier: "DataFrame",
    numeric: Sequence[str],
    categorical: Sequence[str],
    settings: Settings,
    depth: int,
    features: str,
) -> "PipelineModel":
    update = {"forest_depth": depth, "forest_features": features, "forest_trees": min(TREES, settings.forest_trees)}
    keys = [name for name in KEYS if name in earlier.columns]
    return fit(earlier, numeric, categorical, settings.model_copy(update=update), keys).model


def _score(model: "PipelineModel", later: "DataFrame") -> "pd.DataFrame":
    """Return visitor, label and score of the evaluation part, sorted by session."""
    from pyspark.ml.functions import vector_to_array

    scored = model.transform(later)
    score = vector_to_array(scored["probability"])[1].alias("score")
    return scored.select(KEY, "visitor", LABEL, score).toPandas().sort_values(KEY, ignore_index=True)


def _trial(point: tuple[int, str], rows: "pd.DataFrame", configured: "pd.DataFrame", gain: CertainGain) -> Trial:
    from sklearn.metrics import roc_auc_score

    labels, scores, configured_scores = (
        column.to_numpy(float) for column in (rows[LABEL], rows["score"], configured["score"])
    )
    certain = None if rows is configured else gain(labels, scores, configured_scores, rows["visitor"].tolist())
    return Trial(*point, round(float(roc_auc_score(labels, scores)), 6), certain)
