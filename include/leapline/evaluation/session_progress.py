"""Ranking quality while sessions are in progress: the scorer is called long before a session ends."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import Array, Ranking, bootstrap_areas, logit_interval, normal_interval
from leapline.evaluation.effective_size import effective_size
from leapline.evaluation.ratios import Interval, field_values, rounded

GROUPS = ((1, "1 to 4"), (5, "5 to 9"), (10, "10 to 19"), (20, "20 and more"))
"""Groups by number of events so far: the smallest number, and the group's name."""


@dataclass(frozen=True)
class Progress:
    """The ranking quality among examples with a similar number of events so far.

    Attributes:
        events: the number of events, as text.
        examples: whole sessions and beginnings of sessions with that many events.
        positives: examples of buying sessions.
        roc_auc: of the model; None if only one class is present, or a score is not finite.
        interval: its 95 % interval (bootstrap of visitors, normal on the logit scale); None at 0 and 1.
        baseline_roc_auc: of the Markov baseline on the same examples.
        difference: the model's ROC AUC minus the baseline's.
        difference_interval: its 95 % interval, from the same resamples for both scores.
    """

    events: str
    examples: int
    positives: int
    roc_auc: float | None = None
    interval: Interval = None
    baseline_roc_auc: float | None = None
    difference: float | None = None
    difference_interval: Interval = None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Progress":
        """Return the object from the content of its JSON file."""
        return cls(**field_values(cls, content))


def measure(
    labels: Array, scores: Array, baseline: Array, events: Array, visitors: NDArray[Any], *, resamples: int, seed: int
) -> list[Progress]:
    """Compare model and baseline among examples with a similar number of events, fewest first.

    Args:
        labels: 0 or 1, shape (n,).
        scores: the model's scores, shape (n,).
        baseline: the baseline's scores, shape (n,).
        events: number of events in each example, shape (n,).
        visitors: the visitor of each example, shape (n,).
        resamples: number of bootstrap resamples.
        seed: of the resampling.
    """
    group = np.searchsorted([first for first, _ in GROUPS], events, side="right") - 1
    results = []
    for number, (_, name) in enumerate(GROUPS):
        rows = group == number
        columns = (labels[rows], scores[rows], baseline[rows], visitors[rows])
        results.append(_progress(name, *columns, resamples=resamples, seed=seed))
    return results


def _progress(
    name: str, labels: Array, scores: Array, baseline: Array, visitors: NDArray[Any], *, resamples: int, seed: int
) -> Progress:
    size = (name, len(labels), int(labels.sum()))
    is_finite = np.isfinite(scores).all() and np.isfinite(baseline).all()
    if len(np.unique(labels)) < 2 or not is_finite:
        return Progress(*size)
    ones = np.ones((1, len(labels)))
    area, other = (float(Ranking(labels, column).areas(ones).roc_auc[0]) for column in (scores, baseline))
    model, chains = bootstrap_areas(labels, [scores, baseline], visitors, resamples=resamples, seed=seed)
    effective = effective_size(labels, visitors).smaller
    return Progress(
        *size,
        roc_auc=area,
        interval=rounded(logit_interval(area, model.roc_auc, effective)),
        baseline_roc_auc=other,
        difference=area - other,
        difference_interval=rounded(normal_interval(area - other, model.roc_auc - chains.roc_auc, effective)),
    )
