"""The feature table of Romov and Sokolov can be expressed completely, and is computed as defined."""

from typing import Any

import pytest

from tests.features.computed import pair_features, session_features
from tests.features.reference import evaluate, evaluate_pairs
from tests.features.romov_sokolov import PAIR, SESSION, spec_of
from tests.features.sessions import frame, random_sessions

# The paper's own counts, session rows and then pair rows, in the order of its table.
COUNTS = [2 * 7, 2 * 7, 1, 4, 15, 12, 150 * 2]
PAIR_COUNTS = [1, 2, 2 * 7, 2 * 7, 1, 2]
WORDS = {"item_ids": ["i2", "é", "nothing", "i1"], "category_ids": ["c2"]}


def test_number_of_features_equals_paper() -> None:
    assert [len(row) for row in SESSION.values()] == COUNTS
    assert [len(row) for row in PAIR.values()] == PAIR_COUNTS
    assert len(spec_of("session", list(SESSION.values())).columns) == sum(COUNTS) == 360
    assert len(spec_of("pair", list(PAIR.values())).columns) == sum(PAIR_COUNTS) == 34


def test_numeric_and_categorical_features_equal_paper() -> None:
    numeric = [len(spec_of("session", [row]).numeric) for row in SESSION.values()]
    assert numeric == [14, 0, 1, 4, 0, 0, 300]
    assert [len(spec_of("pair", [row]).numeric) for row in PAIR.values()] == [0, 2, 14, 0, 1, 2]


@pytest.mark.spark
def test_session_features_equal_reference(spark: Any) -> None:
    sessions = random_sessions(25, seed=5)
    spec = spec_of("session", list(SESSION.values()), vocabularies=WORDS)
    computed = session_features(frame(spark, [row for rows in sessions.values() for row in rows]), spec).collect()
    assert {row["session"]: row.asDict() for row in computed} == {
        name: {"session": name} | evaluate(rows, spec) for name, rows in sessions.items()
    }


@pytest.mark.spark
def test_pair_features_equal_reference(spark: Any) -> None:
    sessions = random_sessions(25, seed=6)
    spec = spec_of("pair", list(PAIR.values()))
    computed = pair_features(frame(spark, [row for rows in sessions.values() for row in rows]), spec).collect()
    assert {(row["session"], row["item"]): row.asDict() for row in computed} == {
        (name, item): {"session": name, "item": item} | features
        for name, rows in sessions.items()
        for item, features in evaluate_pairs(rows, spec).items()
    }
