"""The forest's shape for a night: as the installation has it, or the best of a small search, found once a content."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from leapline.features.spec import FeatureSpec
from leapline.modelling.examples import content_digest
from leapline.runtime.lineage import code_version
from leapline.settings import Settings
from leapline.storage import Lake, json_bytes, read_json, write_json

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from leapline.evaluation.bootstrap import Array
    from leapline.training.search import Gain

# What a search's outcome depends on, beside the examples, the features and the code.
_SETTINGS = (
    "forest_depth",
    "forest_features",
    "forest_trees",
    "forest_min_leaf",
    "fit_partitions",
    "bootstrap_resamples",
    "seed",
    "pipeline",
)


def shaped(
    settings: Settings, lake: Lake, training: "DataFrame", spec: FeatureSpec
) -> tuple[Settings, list[dict[str, Any]]]:
    """The settings to fit with, and the trials that led to them; none if the search is off.

    Args:
        settings: `hyperparameter_search` turns it on.
        lake: keeps the trials of a content under `searches/<key>`, so that a repeated night does not search again.
        training: the training examples.
        spec: their features.

    Raises:
        TrainingError: the examples cannot be divided into a part to fit on and one to judge by.
    """
    from leapline.training.search import Trial, chosen, search

    if not settings.hyperparameter_search:
        return settings, []
    key = _key(settings, training, spec)
    if not lake.has("searches", key):
        with lake.attempt("searches", key) as out:
            found = search(training, spec.numeric, spec.categorical, settings, _gain(settings))
            write_json(out / "trials.json", [trial.as_dict() for trial in found])
    trials: list[dict[str, Any]] = read_json(lake.current("searches", key) / "trials.json")
    return settings.model_copy(update=dict(chosen([Trial(**trial) for trial in trials]))), trials


def _gain(settings: Settings) -> "Gain":
    """The lower end of the interval of the difference in ROC AUC, visitors drawn again."""
    from leapline.evaluation.bootstrap import compare

    def gain(labels: "Array", scores: "Array", own: "Array", visitors: Sequence[str]) -> float | None:
        draws = {"draws": settings.bootstrap_resamples, "seed": settings.seed}
        found = compare(labels, scores, own, np.asarray(visitors, dtype=str), **draws)
        return found.interval[0] if found and found.interval else None

    return gain


def _key(settings: Settings, training: "DataFrame", spec: FeatureSpec) -> str:
    made_of = {name: getattr(settings, name) for name in _SETTINGS}
    made_of |= {"examples": content_digest(training), "features": spec.dumps(), "code": code_version()}
    return hashlib.sha256(json_bytes(made_of)).hexdigest()[:16]
