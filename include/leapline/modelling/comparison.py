"""Compare the candidate with the champion and the baseline on the same holdout, and slice the holdout."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.bootstrap import compare
from leapline.evaluation.champion import ChampionComparison
from leapline.modelling.examples import BASELINE, SCORE, visitor_numbers
from leapline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from leapline.evaluation.bootstrap import Areas, Array, Comparison
    from leapline.evaluation.slices import Slice

CHAMPION_SCORE = "champion"
"""The column with the champion's scores of the holdout."""
BEST_CHAMPION_SCORE = "best_champion"
"""The column with the scores of the best champion of the last days, if that is another model."""
SCORES = (SCORE, CHAMPION_SCORE, BEST_CHAMPION_SCORE, BASELINE)
"""Columns with scores."""
AreasByScore = Mapping[str, "Areas"]


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


def areas_of(settings: Settings, scored: "pd.DataFrame") -> "AreasByScore":
    """Return column -> areas under its scores, all on the same resamples: resampling takes longer than most areas.

    Args:
        settings: number of resamples, seed.
        scored: the holdout's sessions with `label`, `visitor` and columns of `SCORES`.

    Returns:
        Nothing if only one class is present; without the columns in which a score is missing.
    """
    import numpy as np

    from leapline.evaluation.bootstrap import bootstrap_areas

    labels, columns = scored["label"].to_numpy(float), {n: scored[n].to_numpy(float) for n in SCORES if n in scored}
    finite = {name: column for name, column in columns.items() if np.isfinite(column).all()}
    if len(np.unique(labels)) < 2:
        return {}
    resampling = {"resamples": settings.bootstrap_resamples, "seed": settings.seed}
    areas = bootstrap_areas(labels, list(finite.values()), visitor_numbers(scored), **resampling)
    return dict(zip(finite, areas, strict=True))


def compare_with_champion(
    settings: Settings, scored: "pd.DataFrame", champion: ChampionComparison, areas: "AreasByScore | None" = None
) -> ChampionComparison:
    """Return the champion with the comparison, if it was scored; areas as of `areas_of`."""
    if champion.state != "compared":
        return champion
    comparison = compare_scores(settings, scored, CHAMPION_SCORE, areas)
    if comparison is None:
        why = f"champion {champion.model_id} and candidate have no comparable scores on the holdout"
        return ChampionComparison("unknown", why, champion.digest, champion.model_id)
    return ChampionComparison("compared", champion.why, champion.digest, champion.model_id, comparison)


def compare_with_best(
    settings: Settings,
    scored: "pd.DataFrame",
    best: BestChampion,
    champion: ChampionComparison,
    areas: "AreasByScore | None" = None,
) -> BestChampion:
    """Return the best champion of the last days with the comparison, if it was scored; it may be the champion.

    Areas as of `areas_of`.
    """
    if best.state != "compared":
        return best
    is_champion = best.digest == champion.digest and BEST_CHAMPION_SCORE not in scored
    comparison = compare_scores(settings, scored, CHAMPION_SCORE if is_champion else BEST_CHAMPION_SCORE, areas)
    if comparison is None:
        why = f"{best.model_id} and candidate have no comparable scores on the holdout"
        return replace(best, state="unknown", why=why)
    return replace(best, comparison=comparison)


def compare_scores(
    settings: Settings, scored: "pd.DataFrame", other: str, areas: "AreasByScore | None" = None
) -> "Comparison | None":
    """Compare the candidate's scores with those in the column `other`; None if there is no such column.

    Areas as of `areas_of`; they are computed if they are not there.
    """
    if other not in scored:
        return None
    labels, candidate, others = (scored[name].to_numpy(float) for name in ("label", SCORE, other))
    both = (areas[SCORE], areas[other]) if areas and SCORE in areas and other in areas else None
    resampling = {"resamples": settings.bootstrap_resamples, "seed": settings.seed}
    return compare(labels, candidate, others, visitor_numbers(scored), **resampling, areas=both)
