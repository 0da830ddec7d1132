"""The transition model equals values computed by hand."""

import json
import math
from typing import Any

import pytest

from leapline.training.markov import (
    SMOOTHING_PSEUDOCOUNT,
    START,
    TransitionModel,
    count_sessions,
    fit_transitions,
    from_counts,
)

STATES = ("look", "search")


def model_of_counts() -> TransitionModel:
    """Buyers: start>look 30, look>search 10. Non-buyers: start>look 60, start>search 30, look>search 5."""
    steps = {
        (1, "start", "look"): 30, (1, "look", "search"): 10,
        (0, "start", "look"): 60, (0, "start", "search"): 30, (0, "look", "search"): 5,
    }  # fmt: skip
    return from_counts(steps, STATES, buyers=30, non_buyers=90)


def test_log_odds_are_shrunk_towards_pooled_chain() -> None:
    model = model_of_counts()
    # From start: 120 transitions in total, 90 to look: (90 + 1) / (120 + 2) = 0.746 of the pooled chain.
    pooled = 91 / 122
    buyers, non_buyers = (
        (30 + SMOOTHING_PSEUDOCOUNT * pooled) / (30 + SMOOTHING_PSEUDOCOUNT),
        (60 + SMOOTHING_PSEUDOCOUNT * pooled) / (90 + SMOOTHING_PSEUDOCOUNT),
    )
    assert model.table["start"]["look"] == round(1e6 * math.log(buyers / non_buyers))
    assert model.table["start"]["look"] > 0 > model.table["start"]["search"]
    assert model.table["search"] == {"look": 0, "search": 0}, "no transitions, so no evidence"
    assert model.prior == math.log(31 / 91)


def test_dumped_model_loads_unchanged() -> None:
    model = model_of_counts()
    assert TransitionModel.from_dict(json.loads(model.dumps())) == model
    assert '  "start": {"look":' in model.dumps()
    assert json.loads(model.dumps())["steps"]["start"]["look"] == [30, 60]


@pytest.mark.spark
def test_fits_on_whole_sessions_only(spark: Any) -> None:
    rows = [("a", 1, True, "ab"), ("b", 0, True, "b"), ("c", 0, True, "")] * 3
    rows += [("d", 0, False, "aaaaaaaa")]
    examples = spark.createDataFrame(rows, "session string, label int, whole boolean, _states string")
    counts = count_sessions(examples, "_states", STATES)
    assert (counts.buyers, counts.non_buyers) == (3, 6), "also sessions without states"
    model = fit_transitions(counts, STATES)
    assert model.steps == {
        "start": {"look": (3, 0), "search": (0, 3)},
        "look": {"look": (0, 0), "search": (3, 0)},
        "search": {"look": (0, 0), "search": (0, 0)},
    }
    assert model.prior == math.log(4 / 7)
    assert model == fit_transitions(count_sessions(examples.repartition(3), "_states", STATES), STATES)


@pytest.mark.spark
def test_fits_without_examples(spark: Any) -> None:
    empty = spark.createDataFrame([], "session string, label int, whole boolean, _states string")
    model = fit_transitions(count_sessions(empty, "_states", STATES), STATES)
    assert {entry for row in model.table.values() for entry in row.values()} == {0}
    assert model.prior == 0
    assert START in model.table
