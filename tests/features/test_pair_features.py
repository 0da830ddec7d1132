"""The native program's features of session-item pairs equal the reference, and values computed by hand."""

import itertools
import json
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from leapline.features import operations as ops
from leapline.features import spec as specs
from leapline.features.spec import FeatureSpec
from tests.features.computed import pair_features
from tests.features.reference import evaluate_pairs
from tests.features.sessions import event, frame, random_sessions
from tests.features.test_session_features import FILTERS, every_operation

pytestmark = pytest.mark.spark


def of_pairs(*features: dict[str, Any], **fitted: Any) -> FeatureSpec:
    named = [{"name": f"f{i}"} | entry for i, entry in enumerate(features)]
    return specs.loads(json.dumps({"version": 1, "unit": "pair", "features": named} | fitted))


def every_pair_operation() -> FeatureSpec:
    """Return a spec with the operations of sessions in each allowed scope, and those of pairs."""
    wide = json.loads(every_operation().dumps())
    entries: list[dict[str, Any]] = [{"op": "pair_item"}]
    once: set[type] = set()
    for feature, entry in zip(every_operation().features, wide.pop("features"), strict=True):
        del entry["name"]
        # The session's features come from the session's own plan: one of each will do.
        scopes = feature.scopes if type(feature) not in once else feature.scopes[:-1]
        once.add(type(feature))
        entries += [{**entry, "scope": scope} for scope in scopes]
    for chosen, by, scope in itertools.product(FILTERS, ("clicks", "dwell"), ("item", "categories")):
        entries += [{"op": "relative", "by": by, "scope": scope, "missing": -1} | chosen]
    return of_pairs(*entries, vocabularies=wide["vocabularies"], tables=wide["tables"])


def test_every_operation_equals_reference(spark: Any) -> None:
    spec = every_pair_operation()
    assert {type(f) for f in spec.features} == set(get_args(get_args(ops.Feature)[0]))
    sessions = random_sessions(120, seed=3)
    rows = [row for session in sessions.values() for row in session]

    computed = pair_features(frame(spark, rows), spec).collect()

    expected = {name: evaluate_pairs(session, spec) for name, session in sessions.items()}
    assert len(computed) == sum(map(len, expected.values())) > 200
    for row in computed:
        reference = expected[row["session"]][row["item"]]
        wrong = {
            n: (row[n], reference[n])
            for n in reference
            if row[n] != reference[n] or type(row[n]) is not type(reference[n])
        }
        assert not wrong, (row["session"], row["item"], wrong, [f for f in spec.features if f.name in wrong])


def test_features_equal_values_computed_by_hand(spark: Any) -> None:
    """0 s a/x, 10 s b/x, 30 s a/y, 35 s ping, 40 s c/z, 100 s a/x into the cart, 105 s search. a's categories are x, y:
    the 10 s on a/x, 20 on b/x, 10 on a/y and 5 in the cart; item views only: 40."""
    start = datetime(2026, 3, 14, 23, 59, 30)

    def at(second: int, kind: str, item: str | None = None, category: str | None = None) -> dict[str, Any]:
        return event("s", second, kind, start + timedelta(seconds=second), item=item, category=category)

    rows = [
        at(0, "item_view", "a", "x"), at(10, "item_view", "b", "x"), at(30, "item_view", "a", "y"),
        at(35, "page_ping"), at(40, "item_view", "c", "z"), at(100, "cart_add", "a", "x"), at(105, "search"),
        at(105, "other", "d", "x"),
    ]  # fmt: skip
    views = {"kinds": ["item_view"]}
    spec = of_pairs(
        {"op": "pair_item"},
        {"op": "count"} | views,
        {"op": "relative"} | views,
        {"op": "span"} | views,
        {"op": "dwell", "stat": "total"} | views,
        {"op": "dwell", "stat": "total", "scope": "categories"} | views,
        {"op": "dwell", "stat": "total", "scope": "session"} | views,
        {"op": "time_part", "at": "last", "part": "month_day_hour", "categorical": True} | views,
        {"op": "time_part", "at": "last", "part": "hour"},
        {"op": "since", "kinds": ["cart_add"]},
    )
    table = {row["item"]: list(row)[2:] for row in pair_features(frame(spark, rows), spec).collect()}
    assert table == {
        "a": ["a", 2.0, 0.5, 30.0, 20.0, 40.0, 100.0, "03-15-00", 0.0, 5.0],
        "b": ["b", 1.0, 0.25, 0.0, 20.0, 30.0, 100.0, "03-14-23", 23.0, -1.0],
        "c": ["c", 1.0, 0.25, 0.0, 60.0, 60.0, 100.0, "03-15-00", 0.0, -1.0],
    }


def test_accepts_sessions_without_pairs(spark: Any) -> None:
    spec = specs.default(specs.DEFAULT_ITEMS)
    rows = [event("s", 1, "cart_add", datetime(2026, 3, 1), item="a"), event("t", 1, "search", datetime(2026, 3, 1))]
    computed = pair_features(frame(spark, rows), spec)
    assert computed.columns == ["session", "item", *spec.columns]
    assert [row[:2] for row in computed.collect()] == [("s", "a")]
    assert pair_features(frame(spark, rows[1:]), spec).collect() == []
