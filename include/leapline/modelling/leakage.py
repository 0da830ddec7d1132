"""Label leakage in a holdout: what is measured besides the features."""

from typing import TYPE_CHECKING

from leapline.features.operations import STATES
from leapline.features.spec import FeatureSpec
from leapline.modelling.examples import BASELINE, STATES_SO_FAR
from leapline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from leapline.evaluation.leakage import Leakage


def measure_leakage(settings: Settings, examples: "pd.DataFrame", spec: FeatureSpec) -> "Leakage":
    """Measure the features, the numbers of events per state, and the baseline's score.

    Args:
        settings: seed, and the least number of visitors of a value that is named.
        examples: the holdout's examples, whole sessions and prefixes, scored, with their states.
        spec: the model's features.
    """
    import pandas as pd

    from leapline.evaluation import leakage

    # Sampled first: to count the states of millions of sessions takes longer than to measure the sample.
    few = pd.concat(leakage.sampled(examples, settings.seed))
    counted, states = leakage.with_state_counts(few, STATES_SO_FAR, STATES)
    columns = [*spec.columns, *states, *([BASELINE] if BASELINE in counted else [])]
    return leakage.measure(counted, columns, min_visitors=settings.min_visitors_per_value, seed=settings.seed)
