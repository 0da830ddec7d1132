"""The forest's hyperparameters: as configured, or selected by a small search that is cached by its inputs."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from leapline.features.spec import FeatureSpec
from leapline.records import data_seals
from leapline.runtime.lineage import code_version
from leapline.settings import Settings
from leapline.storage import Lake, json_bytes, read_json, write_json
from leapline.storage.seal import write_data_seal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from leapline.evaluation.bootstrap import Array
    from leapline.training.search import CertainGain

# The settings that a search's result depends on, besides examples, features and code.
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


def select_hyperparameters(
    settings: Settings, lake: Lake, training: "DataFrame", spec: FeatureSpec
) -> tuple[Settings, list[dict[str, Any]]]:
    """Return the settings to fit with, and the trials of the search; there are none if the search is off.

    Args:
        settings: `hyperparameter_search` enables it.
        lake: caches the trials under `searches/<key>`, so that a repeated run does not search again.
        training: the training examples.
        spec: their features.

    Raises:
        InputChangedError: trials of an earlier run were changed since they were written.
        TrainingError: the examples cannot be split into a part to fit on and a part to evaluate on.
    """
    from leapline.training.search import Trial, search, select_best

    if not settings.hyperparameter_search:
        return settings, []
    key = _cache_key(settings, training, spec)
    if not lake.has("searches", key):
        with lake.attempt("searches", key) as out:
            results = search(training, spec.numeric, spec.categorical, settings, _certain_gain(settings))
            write_json(out / "trials.json", [trial.as_dict() for trial in results])
            write_data_seal(lake, out, [], {})
    trials: list[dict[str, Any]] = read_json(data_seals.unchanged(lake, "searches", key) / "trials.json")
    best = select_best([Trial(**trial) for trial in trials])
    return settings.model_copy(update=dict(best)), trials


def _certain_gain(settings: Settings) -> "CertainGain":
    """Return a function for the lower end of the bootstrap interval of the difference in ROC AUC."""
    from leapline.evaluation.bootstrap import compare

    def gain(labels: "Array", scores: "Array", configured: "Array", visitors: Sequence[str]) -> float | None:
        names = np.asarray(visitors, dtype=str)
        comparison = compare(
            labels, scores, configured, names, resamples=settings.bootstrap_resamples, seed=settings.seed
        )
        return comparison.interval[0] if comparison and comparison.interval else None

    return gain


def _cache_key(settings: Settings, training: "DataFrame", spec: FeatureSpec) -> str:
    from leapline.training.digest import content_digest

    inputs = {name: getattr(settings, name) for name in _SETTINGS}
    inputs |= {"examples": content_digest(training), "features": spec.dumps(), "code": code_version()}
    return hashlib.sha256(json_bytes(inputs)).hexdigest()[:16]
