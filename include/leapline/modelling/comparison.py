"""Compare the candidate with the champion and the baseline on the same holdout, and slice the holdout."""

from dataclasses import replace
from typing import TYPE_CHECKING

from leapline.evaluation.best_champion import BestChampion
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
BEST_CHAMPION_SCORE = "best_champion"
"""The column with the scores of the best champion of the last days, if that is another model."""


def slices_of(settings: Settings, scored: "pd.DataFrame", scores: "Array") -> "list[Slice]":
    """Measure the holdout's slices: by device, by new and returning visitors, and by quarter of the day.

    Args:
        settings: devices of few visitors are one slice, "other"; slices of few buying sessions are pooled.
        scored: the holdout's sessions.
        scores: of each session.
    """
    from leapline.evaluation import slices

    device = scored["device"].fillna("unknown").replace("", "unknown").tolist()
    groups = {
        "device": slices.without_rare(device, scored["visitor"].tolist(), settings.min_visitors_per_value),
        "visitor": ["new" if new else "returning" for new in scored["new_visitor"]],
        "hour": slices.quarter_of_day(scored["start_ts"].dt.hour.to_numpy()),
    }
    return slices.measure_slices(scored["label"].to_numpy(float), scores, groups, settings.slice_min_positives)


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


def compare_with_best(
    settings: Settings, scored: "pd.DataFrame", best: BestChampion, champion: ChampionComparison
) -> BestChampion:
    """Return the best champion of the last days with the comparison, if it was scored; it may be the champion."""
    if best.state != "compared":
        return best
    is_champion = best.digest == champion.digest and BEST_CHAMPION_SCORE not in scored
    comparison = compare_scores(settings, scored, CHAMPION_SCORE if is_champion else BEST_CHAMPION_SCORE)
    if comparison is None:
        why = f"{best.model_id} and candidate have no comparable scores on the holdout"
        return replace(best, state="unknown", why=why)
    return replace(best, comparison=comparison)


def compare_scores(settings: Settings, scored: "pd.DataFrame", other: str) -> "Comparison | None":
    """Compare the candidate's scores with those in the column `other`; None if there is no such column."""
    if other not in scored:
        return None
    labels, candidate, others = (scored[name].to_numpy(float) for name in ("label", SCORE, other))
    visitors = scored["visitor"].to_numpy(str)
    return compare(labels, candidate, others, visitors, resamples=settings.bootstrap_resamples, seed=settings.seed)
