"""Pages that the mapping does not know and that belong to orders are listed as candidates, without identifiers."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.events.clean import CleanOptions, cleaned_day
from leapline.events.mapping import Mapping, load
from leapline.events.schema import SCHEMA
from leapline.sources.landed.landing import LandingFolder
from tests.events.lines import DAY, KEY, at, land, line, self_describing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BUYERS, OTHERS = 8, 40
OPTIONS = CleanOptions(KEY, load(), min_visitors_per_value=5, partitions=2)
ORDER = {"event": "transaction", "event_name": "transaction", "tr_total": "20"}


def session(number: int, *, buys: bool) -> list[str]:
    """Return the lines of a session: pages, and with an order also unknown pages around it."""
    name, hour = f"{'buyer' if buys else 'other'} {number}", 9 + number / 60
    pages = ["/", "/help", "/p/kettle"]
    # Unknown pages: one per order, one with a mail address, one of few visitors, one seen long before the order.
    after = [f"/fertig/{1000 + number}/danke", "/fuer/anna@planted.example", *(["/vip"] if number < 4 else [])]
    seen = [*pages, *(after if buys else ["/fertig/1/danke"] if number == 0 else [])]
    lines = [line(f"{name} {path}", at(hour + n / 3600), name, page_urlpath=path) for n, path in enumerate(seen)]
    if not buys:
        return lines
    filled = self_describing("com.acme/basket_filled", {"n": 1})
    early = [line(f"{name} filled", at(hour - 1), name, **filled)]
    return [*early, *lines, line(f"{name} order", at(hour + 9 / 3600), name, tr_orderid=name, **ORDER)]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unmapped")
    sessions = [session(n, buys=True) for n in range(BUYERS)] + [session(n, buys=False) for n in range(OTHERS)]
    land(folder, [text for lines in sessions for text in lines])
    return folder


def counts(spark: "SparkSession", landing: Path, mapping: Mapping | None = None, **changes: Any) -> dict[str, Any]:
    options = replace(OPTIONS, mapping=mapping or OPTIONS.mapping, **changes)
    with cleaned_day(spark, LandingFolder(landing), DAY.date(), options) as clean:
        assert clean.events.columns == list(SCHEMA)
        return clean.counts


def test_pages_around_orders_are_listed_without_ids(spark: "SparkSession", landing: Path) -> None:
    day_counts = counts(spark, landing)
    assert day_counts["mapping_candidates"] == [
        {
            "name": name,
            "sessions": size,
            "order_sessions": BUYERS,
            "near_order": near,
            "visitors": size,
            "coverage": 1.0,
        }
        for name, size, near in (
            ("event basket_filled", BUYERS, 0),
            ("page /fertig/*/danke", BUYERS + 1, BUYERS),
            ("page /fuer/*", BUYERS, BUYERS),
        )
    ]
    assert "page /fertig/*/danke (8 of its 9 sessions have an order, 100.0 % of all orders)" in day_counts["warning"]


def test_mapped_pages_and_names_of_few_visitors_are_not_listed(spark: "SparkSession", landing: Path) -> None:
    text = OPTIONS.mapping.model_dump(mode="json", by_alias=True, exclude_none=True)
    pages = [{"path": "^/(fertig|fuer)/", "page": "thanks"}, *text["pages"]]
    mapped = Mapping.model_validate(text | {"pages": pages})
    day_counts = counts(spark, landing, mapped, min_visitors_per_value=BUYERS + 1)
    assert day_counts["mapping_candidates"] == []
    assert "warning" not in day_counts
