"""How often the item model ranks a bought item first, compared with choices that need no model.

Only sessions with a choice count: those that buy at least one of several viewed items. With a single item, any ranking
is right. Of several items that are tied for the first place, each counts as its share.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leapline.evaluation.bootstrap import Array, normal_interval
from leapline.evaluation.effective_size import effective_size
from leapline.evaluation.ratios import Interval, bootstrap_ratios, field_values, rounded

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ItemChoices:
    """Shares of the sessions with a choice in which the item that is ranked first is bought.

    Attributes:
        sessions: sessions that buy at least one of several viewed items.
        first: share in which the model's first item is bought; None without such a session, or if a score is missing.
        random: expected share if the first item is drawn at random.
        random_interval: 95 % interval of `first` minus `random` (bootstrap of visitors).
        recent: share in which the item viewed last is bought; None if the pairs have no time since the last view.
        recent_interval: 95 % interval of `first` minus `recent`.
    """

    sessions: int
    first: float | None = None
    random: float | None = None
    random_interval: Interval = None
    recent: float | None = None
    recent_interval: Interval = None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ItemChoices":
        """Return the object from the content of its JSON file."""
        return cls(**field_values(cls, content))


def measure(pairs: "pd.DataFrame", score: str, since_view: str | None, *, resamples: int, seed: int) -> ItemChoices:
    """Measure the shares.

    Args:
        pairs: `session`, `visitor`, `label`, and the columns named by the other arguments; one row per pair.
        score: the column with the model's score.
        since_view: the column with the seconds since the item was last viewed, negative if it never was.
        resamples: number of bootstrap resamples.
        seed: of the resampling.
    """
    by_session = pairs.groupby("session")["label"]
    chosen = pairs[(by_session.transform("max") == 1) & (by_session.transform("size") > 1)]
    if not len(chosen) or not np.isfinite(chosen[score].to_numpy(float)).all():
        return ItemChoices(chosen["session"].nunique())
    visitors = chosen.groupby("session")["visitor"].first().to_numpy(str)
    first = _hits(chosen, chosen[score].to_numpy(float))
    at_random = _hits(chosen, np.zeros(len(chosen)))

    effective = effective_size(np.ones(len(first)), visitors).positives

    def interval(others: Array) -> Interval:
        resampled = bootstrap_ratios(first - others, np.ones(len(first)), visitors, resamples=resamples, seed=seed)
        return rounded(normal_interval(float((first - others).mean()), resampled, effective))

    choices = ItemChoices(len(first), float(first.mean()), float(at_random.mean()), interval(at_random))
    if since_view is None:
        return choices
    seconds = chosen[since_view].to_numpy(float)
    recent = _hits(chosen, -np.where(seconds < 0, np.inf, seconds))
    return ItemChoices(
        choices.sessions, choices.first, choices.random, choices.random_interval, float(recent.mean()), interval(recent)
    )


def _hits(pairs: "pd.DataFrame", scores: Array) -> Array:
    """Return for each session the share of bought items among those with its highest score."""
    ranked = pairs[["session", "label"]].assign(score=scores)
    top = ranked[ranked["score"] == ranked.groupby("session")["score"].transform("max")]
    return top.groupby("session")["label"].mean().to_numpy(float)
