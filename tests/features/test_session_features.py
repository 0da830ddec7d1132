"""The native program's features of sessions equal a reference implementation of the definitions."""

import itertools
import json
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from leapline.features import operations as ops
from leapline.features import spec as specs
from leapline.features.spec import FeatureSpec
from tests.features.computed import session_features
from tests.features.reference import evaluate
from tests.features.sessions import event, frame, random_sessions

pytestmark = pytest.mark.spark
FILTERS: list[dict[str, Any]] = [
    {},
    {"kinds": ["item_view", "cart_add"]},
    {"kinds": ["page_view", "item_view"], "pages": ["item", "cart"]},
]


def every_operation() -> FeatureSpec:
    """Return a spec with each operation, each of its parameters and several filters."""
    entities = get_args(ops.Entity)
    plain: list[dict[str, Any]] = [{"op": "cart_value"}]
    plain += [{"op": "attribute", "of": of} for of in ("device", "referrer", "session_index", "new_visitor")]
    plain += [{"op": "markov"}]
    filtered: list[dict[str, Any]] = [{"op": "count"}, {"op": "span"}, {"op": "since"}]
    for at, part in itertools.product(("first", "last"), get_args(ops.Part)):
        filtered += [{"op": "time_part", "at": at, "part": part, "categorical": True}]
        filtered += [{"op": "time_part", "at": at, "part": part}] if not part.startswith("month_") else []
    filtered += [{"op": "count_distinct", "of": of} for of in (*entities, "item_category", "page")]
    filtered += [{"op": "dwell", "stat": stat, "missing": -2} for stat in ("total", "max", "mean")]
    for op, of in itertools.product(("sum", "min", "max", "mean", "last"), ("price", "quantity", "amount")):
        filtered += [{"op": op, "of": of, "missing": -0.5}]
    filtered += [{"op": "fraction", "among": ["item_view", "search"], "missing": -1}]
    for following in ({"next_kinds": ["item_view", "search"]}, {"next_pages": ["item"]}, {}):
        filtered += [{"op": "followed", "negate": negate} | following for negate in (False, True)]
    filtered += [{"op": "followed", "next_kinds": ["item_view"], "next_pages": ["item", "cart"]}]
    for of in entities:
        filtered += [{"op": "repeats", "of": of}]
        filtered += [{"op": "share", "of": of, "by": by} for by in ("clicks", "dwell")]
        filtered += [{"op": "clicked_at_least", "of": of, "at": at, "k": k} for at in ("first", "last") for k in (1, 2)]
    entries = plain + [entry | chosen for entry in filtered for chosen in FILTERS]
    tops = itertools.product(entities, ("clicks", "dwell"), ("clicks", "seconds", "price", "id"), (1, 3))
    for (of, by, give, k), chosen in zip(tops, itertools.cycle(FILTERS), strict=False):
        entries += [{"op": "top_k", "of": of, "k": k, "by": by, "give": give, "missing": -3} | chosen]
    for of, give, k, (i, chosen) in itertools.product(entities, ("clicks", "seconds"), (1, 2, 5), enumerate(FILTERS)):
        entries += [{"op": "popular", "of": of, "give": give, "k": k, "vocabulary": f"{of}_{i}"} | chosen]
    named = [{"name": f"f{i}"} | entry for i, entry in enumerate(entries)]
    return specs.loads(json.dumps({"version": 1, "unit": "session", "features": named} | fitted_parts()))


def fitted_parts() -> dict[str, Any]:
    """Return vocabularies with an id that contains quotes, and a table with missing entries."""
    words = {f"{of}_{i}": [f"{of[0]}2", f"{of[0]}1", "é", "'\\"] for of in ("item", "category") for i in range(3)}
    rows = {
        before: {to: 1_000 * i - 7 * j for j, to in enumerate(ops.STATES) if i != j}
        for i, before in enumerate(("start", *ops.STATES))
        if before != "cart_page"
    }
    return {"vocabularies": words, "tables": {"markov": rows}}


def test_every_operation_equals_reference(spark: Any) -> None:
    spec = every_operation()
    session_operations = {op for op in get_args(get_args(ops.Feature)[0]) if "session" in op.units}
    assert {type(f) for f in spec.features} == session_operations
    sessions = random_sessions(200)
    rows = [row for session in sessions.values() for row in session]

    computed = session_features(frame(spark, rows), spec).collect()

    assert len(computed) == len(sessions)
    for row in computed:
        expected = evaluate(sessions[row["session"]], spec)
        computed_row = {name: row[name] for name in spec.columns}
        wrong = {
            n: (computed_row[n], expected[n])
            for n in expected
            if computed_row[n] != expected[n] or type(computed_row[n]) is not type(expected[n])
        }
        assert not wrong, (row["session"], wrong, [f for f in spec.features if f.name in wrong])


def test_result_is_independent_of_session_time_zone(spark: Any) -> None:
    sessions = random_sessions(20, seed=2)
    events = frame(spark, [row for session in sessions.values() for row in session])
    spec = specs.loads(
        '{"version":1,"unit":"session","features":[{"name":"h","op":"time_part","at":"first","part":"hour"},'
        '{"name":"d","op":"time_part","at":"last","part":"month_day_hour","categorical":true}]}'
    )
    utc = sorted(session_features(events, spec).collect())
    try:
        spark.conf.set("spark.sql.session.timeZone", "Asia/Kathmandu")
        assert sorted(session_features(events, spec).collect()) == utc
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


def test_keeps_column_order_and_types(spark: Any) -> None:
    start = datetime(2026, 3, 1, 12)
    rows = [
        event("a", i, "item_view", start + timedelta(seconds=10 * i), item=f"i{i}", device="Mobile") for i in range(3)
    ]
    computed = session_features(frame(spark, rows), specs.default())
    assert computed.columns == ["session", *specs.default().columns]
    assert computed.head()["length_s"] == 20.0
    types = dict(computed.dtypes)
    assert {types[name] for name in specs.default().numeric} == {"double"}
    assert {types[name] for name in specs.default().categorical} == {"string"}


def test_no_events_yield_no_rows(spark: Any) -> None:
    assert session_features(frame(spark, []), every_operation()).count() == 0


def test_compiles_spec_with_attributes_only(spark: Any) -> None:
    spec = specs.loads(
        '{"version":1,"unit":"session","features":[{"name":"device_type","op":"attribute","of":"device"}]}'
    )
    rows = [event("a", 1, "search", datetime(2026, 3, 1), device=None)]
    assert session_features(frame(spark, rows), spec).head().asDict() == {"session": "a", "device_type": ""}
