"""Score the holdout with the best champion of the last days, as with the current one.

The best one is chosen by what was recorded before the holdout's day, and then compared on the holdout: the choice does
not bias the comparison. A champion that cannot be scored any more leaves its place to the next best one, which the
result states. A registry or ledger that does not answer clearly is no reason to take another one.
"""

from typing import TYPE_CHECKING

from leapline.deployment.factory import ledger_of, registry
from leapline.errors import BundleError, LeaplineError, ScorerError, SignatureError, SpecError
from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.champion import ChampionComparison
from leapline.features import spec as specs
from leapline.formatting import quantity
from leapline.modelling.champion_scores import pulled_model, scores_of
from leapline.modelling.day_data import DayData
from leapline.records.recent_champions import recent_champions

if TYPE_CHECKING:
    import pandas as pd


def score_best_champion(
    data: DayData, holdout: "pd.DataFrame", spec: specs.FeatureSpec, champion: ChampionComparison
) -> "tuple[BestChampion, pd.Series[float] | None]":
    """Score the holdout with the best champion of the last days, if it is not the current one.

    A failure is not raised but stated in the result, because the verdict decides about its consequences.

    Args:
        data: the data day; its settings contain the registry and how many days count.
        holdout: the candidate's examples: `session` and the columns of `spec`.
        spec: the candidate's feature spec.
        champion: the current champion.

    Returns:
        The state of the comparison, and the scores in the order of the holdout's rows; None without scores, and if the
        best one is the current champion, whose scores are there already.
    """
    days = data.settings.best_champion_days
    if not (data.settings.compare_champion and days):
        name = "LEAPLINE_BEST_CHAMPION_DAYS is 0" if not days else "LEAPLINE_COMPARE_CHAMPION is off"
        return BestChampion("off", name, days), None
    try:
        return _score(data, holdout, spec, champion)
    except (LeaplineError, OSError) as exc:
        return BestChampion("unknown", str(exc), days), None


def _score(
    data: DayData, holdout: "pd.DataFrame", spec: specs.FeatureSpec, champion: ChampionComparison
) -> "tuple[BestChampion, pd.Series[float] | None]":
    days = data.settings.best_champion_days
    recent = recent_champions(data.lake, ledger_of(data.settings).checked_entries(), data.day, days)
    skipped, target = list(recent.skipped), registry(data.settings) if recent.best_first else None
    for model_id, digest in recent.best_first.items():
        best = BestChampion("compared", "scored on the same sessions", days, digest, model_id, tuple(skipped))
        if digest == champion.digest and champion.state == "compared":
            return best, None
        if target is None or target.digest(digest) is None:
            skipped.append(f"{model_id} (not in the registry any more)")
            continue
        try:
            with pulled_model(data.settings, target, digest) as model:
                return best, scores_of(data, holdout, spec, model)
        except (BundleError, ScorerError, SignatureError, SpecError) as exc:
            skipped.append(f"{model_id} (cannot be scored: {exc})")
    why = f"no champion of the last {quantity(days, 'day')} before {data.day} can be compared"
    return BestChampion("none", why, days, skipped=tuple(skipped)), None
