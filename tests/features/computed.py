"""Features as the pipeline computes them: by the native program inside Spark's tasks, and then from fitted parts."""

from typing import Any

from leapline.features.fitted import apply_fitted
from leapline.features.spec import FeatureSpec
from leapline.training.examples import pair_examples, session_examples


def as_written(events: Any, partitions: int = 3) -> Any:
    """Return events as `extract` writes them: a session in one partition, sorted by time and id."""
    return events.repartition(partitions, "session").sortWithinPartitions("session", "ts", "event_id")


def session_features(events: Any, spec: FeatureSpec) -> Any:
    """Return `session` and the features of each session with events before its checkout."""
    return apply_fitted(session_examples(as_written(events), spec), spec).select("session", *spec.columns)


def pair_features(events: Any, spec: FeatureSpec) -> Any:
    """Return `session`, `item` and the features of each pair."""
    table = apply_fitted(pair_examples(as_written(events), spec), spec)
    return table.select("session", "item", *spec.columns)
