"""A small, bounded search for the forest's size: depth, and features tried at each split.

It sees training days alone: the latest 30 % of their sessions judge forests that were fitted on the others, visitors
of the judging part left out. A forest of another shape than the installation's is chosen only if it is better by more
than `LEAST_GAIN`; with equals there is no reason to change. More trees are never worse, only slower, so their number
is not searched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from leapline.settings import Settings
from leapline.training.examples import split_by_time, without_visitors_of
from leapline.training.forest import fit, scored

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DEPTHS = (6, 10, 14)
FEATURES = ("onethird", "sqrt")
TREES = 20
LEAST_GAIN = 0.001


@dataclass(frozen=True)
class Trial:
    """One shape, and how well it ranked the judging part."""

    forest_depth: int
    forest_features: str
    roc_auc: float

    @property
    def shape(self) -> dict[str, Any]:
        """The settings that it stands for."""
        return {"forest_depth": self.forest_depth, "forest_features": self.forest_features}

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def search(
    examples: "DataFrame", numeric: Sequence[str], categorical: Sequence[str], settings: Settings
) -> list[Trial]:
    """Try every shape; the installation's own comes first.

    Args:
        examples: the training examples, with `start_ts` and `visitor`.
        numeric: feature columns of doubles.
        categorical: feature columns of strings.
        settings: the seed, and the shape that is there.

    Raises:
        TrainingError: a part of the examples has one class only.
    """
    earlier, later = split_by_time(examples)
    earlier, later = without_visitors_of(earlier, later).cache(), later.cache()
    own = (settings.forest_depth, settings.forest_features)
    shapes = [own, *((d, f) for d in DEPTHS for f in FEATURES if (d, f) != own)]
    try:
        return [_try(earlier, later, numeric, categorical, settings, *shape) for shape in shapes]
    finally:
        earlier.unpersist()
        later.unpersist()


def chosen(trials: Sequence[Trial]) -> Mapping[str, Any]:
    """The settings of the best shape; those of the first trial unless another is better by more than `LEAST_GAIN`."""
    best = max(trials, key=lambda trial: trial.roc_auc)
    return best.shape if best.roc_auc > trials[0].roc_auc + LEAST_GAIN else trials[0].shape


def _try(
    earlier: "DataFrame",
    later: "DataFrame",
    numeric: Sequence[str],
    categorical: Sequence[str],
    settings: Settings,
    depth: int,
    features: str,
) -> Trial:
    from sklearn.metrics import roc_auc_score

    shape = {"forest_depth": depth, "forest_features": features, "forest_trees": min(TREES, settings.forest_trees)}
    model = fit(earlier, numeric, categorical, settings.model_copy(update=shape)).model
    return Trial(depth, features, round(float(roc_auc_score(*scored(model, later))), 6))
