"""The candidate compared with the champion and the baseline on the same holdout, and the holdout in slices."""

from typing import TYPE_CHECKING

from leapline.evaluation.bootstrap import compare
from leapline.evaluation.champion import Rival
from leapline.modelling.examples import SCORE
from leapline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from leapline.evaluation.bootstrap import Array, Comparison
    from leapline.evaluation.slices import Slice

CHAMPION_SCORE = "champion"
"""The column with the champion's scores of the holdout."""


def slices_of(scored: "pd.DataFrame", scores: "Array") -> "list[Slice]":
    """The holdout by device, by new and returning visitors, and by quarter of the day."""
    from leapline.evaluation import slices

    groups = {
        "device": scored["device"].fillna("unknown").replace("", "unknown").tolist(),
        "visitor": ["new" if new else "returning" for new in scored["new_visitor"]],
        "hour": slices.quarter_of_day(scored["start_ts"].dt.hour.to_numpy()),
    }
    return slices.cut(scored["label"].to_numpy(float), scores, groups)


def compare_with_champion(settings: Settings, scored: "pd.DataFrame", rival: Rival) -> Rival:
    """The rival with the comparison, if it was scored."""
    if rival.state != "compared":
        return rival
    comparison = compare_scores(settings, scored, CHAMPION_SCORE)
    if comparison is None:
        why = f"champion {rival.model_id} and candidate have no common numbers on the holdout"
        return Rival("unknown", why, rival.digest, rival.model_id)
    return Rival("compared", rival.why, rival.digest, rival.model_id, comparison)


def compare_scores(settings: Settings, scored: "pd.DataFrame", other: str) -> "Comparison | None":
    """The candidate against another column of scores, if there is one."""
    if other not in scored:
        return None
    labels, mine, theirs = (scored[name].to_numpy(float) for name in ("label", SCORE, other))
    visitors = scored["visitor"].to_numpy(str)
    return compare(labels, mine, theirs, visitors, draws=settings.bootstrap_resamples, seed=settings.seed)
