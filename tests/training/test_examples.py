"""Cutting and labelling: no event that reveals the purchase is left in an example."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline.features import spec as specs
from leapline.training import examples
from tests.features.computed import as_written, session_features
from tests.features.sessions import event, frame

pytestmark = pytest.mark.spark
START = datetime(2026, 3, 1, 23, 50)


def session(name: str, *kinds: str, step: int = 60, **first: Any) -> list[dict[str, Any]]:
    """Return events `step` seconds apart; `kind@page` sets the page."""
    rows = []
    for number, word in enumerate(kinds):
        kind, _, page = word.partition("@")
        rows.append(
            event(name, number, kind, START + timedelta(seconds=step * number), page=page or None, item=f"i{number}")
        )
    rows[0] |= first
    return rows


def kinds_of_examples(spark: Any, *sessions: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return session and label -> the kinds of the events that the example contains."""
    table = build(spark, [row for rows in sessions for row in rows]).collect()
    ordered = {rows[0]["session"]: sorted(rows, key=lambda r: (r["ts"], r["event_id"])) for rows in sessions}
    return {
        f"{row['session']}={row['label']}": [event["kind"] for event in ordered[row["session"]][: row["cut"]]]
        for row in table
    }


def test_removes_events_from_first_sign_of_checkout(spark: Any) -> None:
    kinds = kinds_of_examples(
        spark,
        session(
            "buys", "item_view", "cart_add", "checkout", "item_view", "purchase", "purchase_item", "page_view@thanks"
        ),
        session("leaves", "item_view", "cart_add", "checkout", "item_view"),
        session("checkout_page", "item_view", "page_view@checkout", "cart_remove", "purchase"),
        session("straight", "cart_add", "purchase", "search"),
        session("thanks_first", "search", "page_view@thanks", "search"),
        session("looks", "search", "item_view@item", "page_ping"),
    )
    assert kinds == {
        "buys=1": ["item_view", "cart_add"],
        "leaves=0": ["item_view", "cart_add"],
        "checkout_page=1": ["item_view"],
        "straight=1": ["cart_add"],
        "thanks_first=0": ["search"],
        "looks=0": ["search", "item_view", "page_ping"],
    }


def test_removes_event_at_same_time_as_checkout(spark: Any) -> None:
    rows = session("s", "search", "checkout")
    rows.append(event("s", 0, "cart_add", rows[1]["ts"]) | {"event_id": "a-before-s"})
    assert kinds_of_examples(spark, rows) == {"s=0": ["search"]}


def test_purchase_item_without_purchase_is_a_purchase(spark: Any) -> None:
    assert kinds_of_examples(spark, session("s", "search", "purchase_item")) == {"s=1": ["search"]}


def test_leaves_out_session_that_begins_with_checkout(spark: Any) -> None:
    assert kinds_of_examples(spark, session("s", "checkout", "item_view", "purchase")) == {}


def build(spark: Any, rows: list[dict[str, Any]], per_session: int = 1) -> Any:
    return examples.session_examples(as_written(frame(spark, rows)), specs.default(), per_session)


def test_events_after_cut_do_not_change_example(spark: Any) -> None:
    spec = specs.default()
    before = ("item_view", "search", "cart_add")
    first = {"visitor": "v1", "device": "Mobile", "session_index": 1}
    short = session("s", *before, "purchase", **first)
    long = session("s", *before, "purchase", *["item_view"] * 5, "checkout", "cart_remove", **first)

    table = build(spark, long)
    columns = [name for name in spec.columns if name not in {f.name for f in spec.features if f.op == "markov"}]
    assert table.columns == [*examples.KEYS, *examples.CONTEXT_COLUMNS, *columns, "_states"]
    [row] = table.collect()
    assert [row] == build(spark, short).collect()
    assert row.asDict().items() >= {
        "visitor": "v1", "device": "Mobile", "new_visitor": True, "start_ts": START, "label": 1, "n_events": 3.0,
        "cut": 3, "whole": True, "_states": "gjh",
    }.items()  # fmt: skip


def shoppers(number: int = 40) -> list[dict[str, Any]]:
    """Return sessions of 1 to 8 events before the checkout; every other one buys, all continue afterwards."""
    rows = []
    for n in range(number):
        before = [("item_view", "search", "cart_add", "page_view@cart")[(n + i) % 4] for i in range(1 + n % 8)]
        rows += session(f"s{n}", *before, *(["checkout", "purchase"] if n % 2 else ["page_view@checkout"]), "item_view")
    return rows


def test_prefix_example_equals_session_cut_short(spark: Any) -> None:
    """Each example has the features of the session without its later events."""
    rows, spec = shoppers(), specs.default()
    result = build(spark, rows, per_session=4).collect()
    whole = {row["session"]: row["cut"] for row in result if row["whole"]}
    assert whole == {f"s{n}": 1 + n % 8 for n in range(40)}
    assert len({(row["session"], row["cut"]) for row in result}) == len(result) > 100
    assert all(row["label"] == int(row["session"][1:]) % 2 for row in result)
    by_session: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_session.setdefault(row["session"], []).append(row)
    short = [
        event | {"session": f"{row['session']}/{row['cut']}"}
        for row in result
        for event in by_session[row["session"]][: row["cut"]]
    ]
    alone = {row["session"]: row for row in session_features(frame(spark, short), spec).collect()}
    for row in result:
        assert 1 <= row["cut"] <= whole[row["session"]]
        expected = alone[f"{row['session']}/{row['cut']}"]
        assert all(row[name] == expected[name] for name in spec.columns if name in row), row


def test_prefix_ends_before_event_with_smallest_hash(spark: Any) -> None:
    rows = shoppers()
    hashes = frame(spark, rows).selectExpr(
        "session", "event_id", "xxhash64(session, event_id, 1)", "xxhash64(session, event_id, 2)"
    )
    of = {(row[0], row[1]): row[2:] for row in hashes.collect()}
    events = [row for row in rows if row["kind"] not in ("checkout", "purchase") and row["page"] != "checkout"]
    expected = set()
    for name in {row["session"] for row in rows}:
        # The last event is after the checkout.
        ids = [row["event_id"] for row in events if row["session"] == name][:-1]
        later = range(1, len(ids))
        expected |= {(name, min(later, key=lambda i: of[name, ids[i]][n])) for n in (0, 1) if later}
        expected.add((name, len(ids)))

    computed = {(row["session"], row["cut"]) for row in build(spark, rows, per_session=3).collect()}

    assert computed == expected
    assert len(expected) > 90


@pytest.mark.parametrize(
    ("order", "ascending", "message"),
    [("ts", True, "are not together"), ("event_id", False, "are not sorted by time and id")],
)
def test_events_in_another_order_are_an_error(spark: Any, order: str, ascending: bool, message: str) -> None:
    events = frame(spark, session("s", *["search"] * 3) + session("t", *["search"] * 3))
    table = examples.session_examples(
        events.repartition(1).sortWithinPartitions(order, ascending=ascending), specs.default()
    )
    with pytest.raises(Exception, match=message):
        table.collect()


def test_reads_each_file_in_one_partition(spark: Any, tmp_path: Path) -> None:
    rows = shoppers(200)
    as_written(frame(spark, rows), partitions=2).write.parquet(str(tmp_path / "events"))
    limit = "spark.sql.files.maxPartitionBytes"
    before = spark.conf.get(limit)
    spark.conf.set(limit, "1000")
    try:
        events = spark.read.parquet(str(tmp_path / "events"))
        assert events.rdd.getNumPartitions() > 2, "the files are large enough to be split"
        with examples.whole_files(spark):
            table = examples.session_examples(spark.read.parquet(str(tmp_path / "events")), specs.default(), 2)
            assert table.rdd.getNumPartitions() == 2
            assert sorted(table.collect()) == sorted(build(spark, rows, 2).collect())
        assert spark.conf.get(limit) == "1000"
    finally:
        spark.conf.set(limit, before)


def test_pair_is_labelled_by_its_item(spark: Any) -> None:
    rows = session("s", "item_view", "cart_add", "item_view", "checkout", "purchase", "purchase_item", "item_view")
    for number, item in enumerate(["a", "b", "c", None, None, "a", "d"]):
        rows[number]["item"] = item
    rows += [row | {"session": "t", "event_id": f"t{i}"} for i, row in enumerate(rows[:4])]

    table = examples.pair_examples(as_written(frame(spark, rows)), specs.default(specs.DEFAULT_ITEMS))
    assert table.columns == [
        *examples.PAIR_KEYS, *examples.VISIT_COLUMNS, "label", *specs.default(specs.DEFAULT_ITEMS).columns
    ]  # fmt: skip
    labels = {(row["session"], row["item"]): row["label"] for row in table.collect()}
    assert labels == {
        ("s", "a"): 1, ("s", "b"): 0, ("s", "c"): 0, ("t", "a"): 0, ("t", "b"): 0, ("t", "c"): 0
    }  # fmt: skip


def test_split_by_time_keeps_every_session(spark: Any) -> None:
    rows = [(f"s{i}", f"v{i % 7}", START + timedelta(minutes=i)) for i in range(100)]
    table = spark.createDataFrame(rows, "session string, visitor string, start_ts timestamp")
    before, after = examples.split_by_time(table, 0.7)
    assert before.count() == 70
    assert {r[0] for r in after.collect()} == {f"s{i}" for i in range(70, 100)}
    assert examples.split_by_time(table.limit(0))[0].count() == 0


def test_no_visitor_is_in_training_and_holdout(spark: Any) -> None:
    table = spark.createDataFrame(
        [("a", "v1"), ("b", "v2"), ("c", "v1"), ("d", None)], "session string, visitor string"
    )
    left = examples.without_visitors_of(table, table.where("session = 'c'"))
    assert {r[0] for r in left.collect()} == {"b", "d"}
