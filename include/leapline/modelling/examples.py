"""Examples for fitting and scoring: fitted features, the Markov baseline, and scores."""

from typing import TYPE_CHECKING, Any

from leapline.features.spec import FeatureSpec, flatten_table

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

    from leapline.training.markov import TransitionModel

SCORE, BASELINE = "score", "baseline"
STATES_SO_FAR = "states"
"""Column of an example's states, see `features.fitted.STATES`; not a feature, so that scores do not depend on it."""


def fit_spec(
    spec: FeatureSpec, examples: "DataFrame", transitions: "TransitionModel", min_visitors: int
) -> FeatureSpec:
    """Return the spec with vocabularies and tables fitted on the training examples.

    Args:
        spec: without fitted parts.
        examples: of sessions (whole sessions count) or of pairs (each session counts once).
        transitions: fitted on the same training days.
        min_visitors: the least number of visitors that an entry of a vocabulary must have.
    """
    from leapline.features.fitted import POPULAR
    from leapline.training.popular import most_clicked

    sessions = examples.where("whole") if "whole" in examples.columns else examples.dropDuplicates(["session"])
    words = {
        name: most_clicked(sessions, f"{POPULAR}{name}", feature.k, min_visitors)
        for name, feature in spec.popular.items()
    }
    return spec.fitted(words, transitions.table)


def with_fitted_features(examples: "DataFrame", spec: FeatureSpec) -> "DataFrame":
    """Return the examples with all features of a fitted spec, and without their raw inputs."""
    from leapline.features.fitted import apply_fitted

    table = apply_fitted(examples, spec)
    return table.select(*(name for name in table.columns if not name.startswith("_")))


def training_examples(raw: "DataFrame", spec: FeatureSpec, min_visitors: int) -> "DataFrame":
    """Return the examples to fit a model on: all features of a fitted spec, without values of few visitors."""
    from leapline.training.rare_values import without_rare_values

    return without_rare_values(with_fitted_features(raw, spec), spec.categorical, min_visitors)


def with_baseline(examples: "DataFrame", transitions: "TransitionModel") -> "DataFrame":
    """Return the examples of sessions with `baseline`: the probability of a purchase under the Markov chains alone."""
    from pyspark.sql.functions import expr

    from leapline.features.fitted import log_odds

    odds = f"{transitions.prior!r}D + {log_odds(flatten_table(transitions.table))}"
    return examples.withColumn(BASELINE, expr(f"1D / (1D + exp(-({odds})))"))


def with_states(examples: "DataFrame") -> "DataFrame":
    """Return the examples of sessions with `STATES_SO_FAR`, which stays when the raw inputs of features are removed."""
    from leapline.features.fitted import STATES

    return examples.withColumn(STATES_SO_FAR, examples[STATES])


def score(model: "PipelineModel", examples: "DataFrame") -> "DataFrame":
    """Return the examples with `score`, the model's uncalibrated probability of class 1."""
    from pyspark.ml.functions import vector_to_array

    scored = model.transform(examples)
    return scored.select(*examples.columns, vector_to_array(scored["probability"])[1].alias(SCORE))


def visitor_numbers(rows: "pd.DataFrame") -> "NDArray[Any]":
    """Return a number for each row's visitor, in the order of their pseudonyms: bootstraps sort them again and again.

    Args:
        rows: with `visitor`; shape (n,).
    """
    import pandas as pd

    return pd.factorize(rows["visitor"], sort=True)[0]
