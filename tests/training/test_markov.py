"""The two chains, counted by hand."""

import json
import math
from typing import Any

import pytest

from leapline.training import markov
from leapline.training.markov import DRAWN, Chains, chains, learn

STATES = ("look", "search")


def counted_by_hand() -> Chains:
    """Buyers: start>look 30, look>search 10. Others: start>look 60, start>search 30, look>search 5."""
    steps = {
        (1, "start", "look"): 30, (1, "look", "search"): 10,
        (0, "start", "look"): 60, (0, "start", "search"): 30, (0, "look", "search"): 5,
    }  # fmt: skip
    return chains(steps, STATES, buyers=30, others=90)


def test_log_odds_are_drawn_towards_the_common_chain() -> None:
    found = counted_by_hand()
    # From start: 120 steps of both, look 90, so it is (90 + 1) / (120 + 2) = 0.746 of the common chain.
    common = 91 / 122
    buyers, others = (30 + DRAWN * common) / (30 + DRAWN), (60 + DRAWN * common) / (90 + DRAWN)
    assert found.table["start"]["look"] == round(1e6 * math.log(buyers / others))
    assert found.table["start"]["look"] > 0 > found.table["start"]["search"]
    assert found.table["search"] == {"look": 0, "search": 0}, "never seen: says nothing"
    assert found.prior == math.log(31 / 91)


def test_the_file_is_a_small_table_and_comes_back() -> None:
    found = counted_by_hand()
    assert Chains.from_dict(json.loads(found.dumps())) == found
    assert '  "start": {"look":' in found.dumps()
    assert json.loads(found.dumps())["steps"]["start"]["look"] == [30, 60]


@pytest.mark.spark
def test_learnt_from_whole_sessions_alone(spark: Any) -> None:
    rows = [("a", 1, True, "ab"), ("b", 0, True, "b"), ("c", 0, True, "")] * 3
    rows += [("d", 0, False, "aaaaaaaa")]
    examples = spark.createDataFrame(rows, "session string, label int, whole boolean, _states string")
    found = learn(examples, "_states", STATES)
    assert found.steps == {
        "start": {"look": (3, 0), "search": (0, 3)},
        "look": {"look": (0, 0), "search": (3, 0)},
        "search": {"look": (0, 0), "search": (0, 0)},
    }
    assert found.prior == math.log(4 / 7)
    assert found == learn(examples.repartition(3), "_states", STATES)


@pytest.mark.spark
def test_nothing_to_learn_from(spark: Any) -> None:
    empty = spark.createDataFrame([], "session string, label int, whole boolean, _states string")
    found = learn(empty, "_states", STATES)
    assert {entry for row in found.table.values() for entry in row.values()} == {0}
    assert found.prior == 0
    assert markov.START in found.table
