"""A small, bounded search for the forest's shape: depth, and features tried at each split.

It sees training days alone: the latest 30 % of their sessions judge forests that were fitted on the others, visitors
of the judging part left out. Another shape than the installation's is chosen only if it is better for certain: by the
whole interval of the difference. (Without that condition a search on 14,118 generated sessions chose a shape that was
0.007 better in ROC AUC on the judging part, and 0.003 worse on the next day.) More trees are never worse, only slower,
so their number is not searched.
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
# Labels, a shape's scores, the installation's own scores, visitors -> least gain in ROC AUC that is certain.
Gain = Callable[[Array, Array, Array, Sequence[str]], float | None]


@dataclass(frozen=True)
class Trial:
    """One shape, and how well it ranked the judging part.

    Attributes:
        forest_depth: greatest depth of a tree.
        forest_features: features tried at each split.
        roc_auc: on the judging part.
        gain: ROC AUC minus that of the installation's own shape, lower end of its interval; None for that shape.
    """

    forest_depth: int
    forest_features: str
    roc_auc: float
    gain: float | None = None

    @property
    def shape(self) -> dict[str, Any]:
        """The settings that it stands for."""
        return {"forest_depth": self.forest_depth, "forest_features": self.forest_features}

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def search(
    examples: "DataFrame", numeric: Sequence[str], categorical: Sequence[str], settings: Settings, gain: Gain
) -> list[Trial]:
    """Try every shape; the installation's own comes first.

    Args:
        examples: the training examples, with `start_ts` and `visitor`.
        numeric: feature columns of doubles.
        categorical: feature columns of strings.
        settings: the seed, and the shape that is there.
        gain: says how much better than the installation's own a shape is for certain.

    Raises:
        TrainingError: a part of the examples has one class only.
    """
    earlier, later = split_by_time(examples)
    judging = later.where("whole") if "whole" in later.columns else later
    earlier, later = without_visitors_of(earlier, later).cache(), judging.cache()
    own = (settings.forest_depth, settings.forest_features)
    shapes = [own, *((d, f) for d in DEPTHS for f in FEATURES if (d, f) != own)]
    try:
        ranked = [_ranked(_fitted(earlier, numeric, categorical, settings, *shape), later) for shape in shapes]
        return [_trial(shape, rows, ranked[0], gain) for shape, rows in zip(shapes, ranked, strict=True)]
    finally:
        earlier.unpersist()
        later.unpersist()


def chosen(trials: Sequence[Trial]) -> Mapping[str, Any]:
    """The settings of the best of the shapes that are better for certain; of the first trial if there is none."""
    better = [trial for trial in trials if trial.gain is not None and trial.gain > 0]
    return max(better, key=lambda trial: trial.roc_auc, default=trials[0]).shape


def _fitted(
    earlier: "DataFrame",
    numeric: Sequence[str],
    categorical: Sequence[str],
    settings: Settings,
    depth: int,
    features: str,
) -> "PipelineModel":
    shape = {"forest_depth": depth, "forest_features": features, "forest_trees": min(TREES, settings.forest_trees)}
    keys = [name for name in KEYS if name in earlier.columns]
    return fit(earlier, numeric, categorical, settings.model_copy(update=shape), keys).model


def _ranked(model: "PipelineModel", later: "DataFrame") -> "pd.DataFrame":
    """Visitor, label and score of the judging part, by session."""
    from pyspark.ml.functions import vector_to_array

    scored = model.transform(later)
    score = vector_to_array(scored["probability"])[1].alias("score")
    return scored.select(KEY, "visitor", LABEL, score).toPandas().sort_values(KEY, ignore_index=True)


def _trial(shape: tuple[int, str], rows: "pd.DataFrame", own: "pd.DataFrame", gain: Gain) -> Trial:
    from sklearn.metrics import roc_auc_score

    labels, scores, others = (column.to_numpy(float) for column in (rows[LABEL], rows["score"], own["score"]))
    certain = None if rows is own else gain(labels, scores, others, rows["visitor"].tolist())
    return Trial(*shape, round(float(roc_auc_score(labels, scores)), 6), certain)
