"""Compare the candidate with the champion and the baseline on the same holdout, and slice the holdout."""

from typing import TYPE_CHECKING

from leapline.evaluation.bootstrap import compare
from leapline.evaluation.champion import ChampionComparison
from leapline.modelling.examples import SCORE
from leapline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from leapline.evaluation.bootstrap import Array, Comparison
    from leapline.evaluation.slices import Slice

CHAMPION_SCORE = "champion"
"""The column with the champion's scores of the holdout."""


def slices_of(scored: "pd.DataFrame", scores: "Array", min_visitors: int) -> "list[Slice]":
    """Measure the holdout's slices: by device, by new and returning visitors, and by quarter of the day.

    Args:
        scored: the holdout's sessions.
        scores: of each session.
        min_visitors: devices of fewer visitors are one slice, "other".
    """
    from leapline.evaluation import slices

    device = scored["device"].fillna("unknown").replace("", "unknown").tolist()
    groups = {
        "device": slices.without_rare(device, scored["visitor"].tolist(), min_visitors),
        "visitor": ["new" if new else "returning" for new in scored["new_visitor"]],
        "hour": slices.quarter_of_day(scored["start_ts"].dt.hour.to_numpy()),
    }
    return slices.measure_slices(scored["label"].to_numpy(float), scores, groups)


def compare_with_champion(
    settings: Settings, scored: "pd.DataFrame", champion: ChampionComparison
) -> ChampionComparison:
    """Return the champion with the comparison, if it was scored."""
    if champion.state != "compared":
        return champion
    comparison = compare_scores(settings, scored, CHAMPION_SCORE)
    if comparison is None:
        why = f"champion {champion.model_id} and candidate have no comparable scores on the holdout"
        return ChampionComparison("unknown", why, champion.digest, champion.model_id)
    return ChampionComparison("compared", champion.why, champion.digest, champion.model_id, comparison)


def compare_scores(settings: Settings, scored: "pd.DataFrame", other: str) -> "Comparison | None":
    """Compare the candidate's scores with those in the column `other`; None if there is no such column."""
    if other not in scored:
        return None
    labels, candidate, others = (scored[name].to_numpy(float) for name in ("label", SCORE, other))
    visitors = scored["visitor"].to_numpy(str)
    return compare(labels, candidate, others, visitors, resamples=settings.bootstrap_resamples, seed=settings.seed)
