"""Odd values of single events: amounts, currencies, missing ids, column counts. None of them fails a day."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.events.clean import CleanOptions, cleaned_day
from leapline.events.mapping import DEFAULT, load
from leapline.sources.landed.landing import LandingFolder
from tests.events.lines import CONSENT, DAY, KEY, at, contexts, land, line, product

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

RUN = "2026-03-02-12-00-00"
OPTIONS = CleanOptions(KEY, partitions=1)
MOBILE = "com.snowplowanalytics.snowplow/client_session"
ZERO = "00000000-0000-0000-0000-000000000000"


def order(name: str, hour: float, session: str, total: str, **fields: str) -> str:
    number = {"tr_orderid": name} | fields
    return line(name + str(hour), at(hour), session, None, event="transaction", tr_total=total, **number)


def item(name: str, hour: float, **fields: str) -> str:
    return line(name, at(hour), "s1", None, event="transaction_item", ti_sku="1", **fields)


def clean(spark: "SparkSession", landing: Path, lines: list[str], options: CleanOptions = OPTIONS) -> tuple[Any, Any]:
    """Clean a day; return its counts without zeros, and its rows of kind, price and session."""
    land(landing, lines, run=RUN)
    with cleaned_day(spark, LandingFolder(landing), DAY.date(), options) as day:
        reasons = {k: v for k, v in (day.counts["excluded"] | day.counts["quarantined"]).items() if v}
        rows = day.events.select("kind", "price", "session", "visitor").orderBy("ts", "event_id").collect()
        return day.counts | {"reasons": reasons}, rows


def test_refunds_are_excluded_and_amounts_beyond_the_limits_quarantined(spark: "SparkSession", tmp_path: Path) -> None:
    lines = [
        order("o1", 10, "s1", "100"),
        order("o2", 10.1, "s1", "-30"),
        item("returned", 10.2, ti_price="5", ti_quantity="-1"),
        item("negative", 10.3, ti_price="-5"),
        order("o3", 10.4, "s1", "1199400"),
        order("o4", 10.5, "s1", "2e9"),
        item("many", 10.6, ti_price="1", ti_quantity="200000"),
        line("view", at(10.7), "s1", None, event="struct", se_category="shop", se_action="view item", se_value="-1"),
    ]
    counts, rows = clean(spark, tmp_path, lines)
    assert counts["reasons"] == {"refund": 3, "amount": 3}
    assert [(row["kind"], row["price"]) for row in rows] == [("purchase", 100.0), ("purchase", 1199400.0)]
    counts, _ = clean(spark, tmp_path, lines, replace(OPTIONS, max_price=1e6))
    assert counts["reasons"] == {"refund": 3, "amount": 4}


def test_base_amounts_are_preferred_and_currencies_are_counted(spark: "SparkSession", tmp_path: Path) -> None:
    counts, rows = clean(spark, tmp_path, [
        order("o1", 10, "s1", "15000", tr_currency="JPY", tr_total_base="92.1", base_currency="EUR"),
        order("o2", 11, "s1", "20", tr_currency="eur"),
        order("o3", 12, "s1", "30", tr_currency="JPY"),
        order("o4", 13, "s1", "40"),
        order("o5", 14, "s1", "50", tr_currency="anna@planted.example"),
    ])  # fmt: skip
    assert [row["price"] for row in rows] == [92.1, 20.0, 30.0, 40.0, 50.0]
    assert counts["currencies"] == {"EUR": 2, "JPY": 1, "XXX": 1}


def test_placeholders_of_missing_ids_are_null(spark: "SparkSession", tmp_path: Path) -> None:
    placeholders = ["", "\\N", "null", "NULL", "undefined", "(null)", "None", ZERO, "0"]
    lines = [line("sound", at(10), "s1", None, derived_tstamp="\\N", ti_sku="\\N")]
    for missing in placeholders:
        lines += [line(f"a{missing}", at(10), missing), line(f"b{missing}", at(10), missing, domain_userid=missing)]
        lines += [line(f"c{missing}", at(10), "s1", None, domain_userid=missing)]
    counts, rows = clean(spark, tmp_path, lines)
    assert counts["reasons"] == {"no_session": 2 * len(placeholders), "no_visitor": len(placeholders)}
    assert len(rows) == 1


def test_ids_robots_and_consent_come_from_several_sources(spark: "SparkSession", tmp_path: Path) -> None:
    def app(session: str) -> str:
        return contexts(CONSENT, product(MOBILE, sessionId=session, userId="u1"))

    ids = {"domain_sessionid": "", "domain_userid": ""}
    robot = contexts(product("nl.basjes/yauaa_context", agentClass="Robot", deviceClass="Robot"))
    lines = [
        line("app 1", at(10), "", None, **ids, contexts=app("m1")),
        line("app 2", at(10.1), "", None, **ids, contexts=app("m1")),
        line("web", at(10.2), "w1"),
        line("robot", at(10.3), "w1", None, derived_contexts=robot),
        line("agent", at(10.4), "w1", None, br_type="Bot/Crawler"),
        line("by column", at(10.5), "w1", None, contexts="", se_label="agreed"),
        line("none", at(10.6), "w1", None, contexts=""),
    ]
    mapping = json.loads(DEFAULT.read_text())
    mapping["consent"] = [mapping["consent"], {"column": "se_label", "values": ["agreed"]}]
    (tmp_path / "mapping.json").write_text(json.dumps(mapping))
    options = replace(OPTIONS, mapping=load(tmp_path / "mapping.json"))
    counts, rows = clean(spark, tmp_path / "landing", lines, options)
    assert counts["reasons"] == {"bot": 2, "no_consent": 1}
    sessions = [row["session"] for row in rows]
    assert len(rows) == 4
    assert sessions[0] == sessions[1] != sessions[2] == sessions[3]


def test_an_order_counts_once_in_the_session_where_it_first_appears(spark: "SparkSession", tmp_path: Path) -> None:
    counts, rows = clean(spark, tmp_path, [
        line("view", at(9.9), "s1"),
        order("o1", 10, "s1", "100"),
        order("o1", 10.2, "s1", "100"),
        order("o1", 15, "s2", "100"),
        line("other", at(15.1), "s2"),
        order("o2", 16, "s3", "50"),
        order("", 17, "s3", "50"),
        order("null", 18, "s3", "50"),
    ])  # fmt: skip
    assert counts["reasons"] == {"repeated_order": 2}
    assert counts["events"] == len(rows) == 6
    assert [row["price"] for row in rows if row["kind"] == "purchase"] == [100.0, 50.0, 50.0, 50.0]


def test_orders_of_the_server_belong_to_the_visitors_session_at_that_time(
    spark: "SparkSession", tmp_path: Path
) -> None:
    visitor = {"domain_userid": "user of s1"}
    counts, rows = clean(spark, tmp_path, [
        line("view", at(10), "s1"),
        line("later view", at(10.2), "s1"),
        order("o1", 10.5, "", "100", **visitor),
        order("o2", 12, "", "100", **visitor),
        line("ping without session", at(10.1), "", None, **visitor),
        order("o3", 10.1, "", "100", domain_userid="somebody else"),
    ])  # fmt: skip
    assert counts["orders_placed"] == 1
    assert counts["reasons"] == {"no_session": 3}
    assert [row["kind"] for row in rows] == ["page_view", "page_view", "purchase"]
    assert len({row["session"] for row in rows}) == 1


def test_other_widths_are_read_by_position_where_accepted(spark: "SparkSession", tmp_path: Path) -> None:
    usual = line("usual", at(10))
    longer = line("longer", at(10.1), collected=at(10.6)) + "\tnew column" * 9
    shorter = line("shorter", at(10.2), collected=at(10.7)).rsplit("\t", 3)[0]
    lines = [usual, longer, shorter, "a\tb"]
    counts, rows = clean(spark, tmp_path, lines)
    assert (len(rows), counts["widths"]) == (1, {"2": 1, "128": 1, "140": 1})
    counts, rows = clean(spark, tmp_path, lines, replace(OPTIONS, widths=range(128, 141)))
    assert (len(rows), counts["widths"], counts["reasons"]) == (3, {"2": 1, "128": 1, "140": 1}, {"width": 1})
