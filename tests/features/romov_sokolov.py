"""The feature table of Romov and Sokolov (winners of the RecSys Challenge 2015) as feature specs, row by row.

A click is an `item_view` event.
"""

import json
from collections.abc import Sequence
from itertools import product
from typing import Any

from leapline.features import spec as specs
from leapline.features.spec import FeatureSpec

CLICK: dict[str, Any] = {"kinds": ["item_view"]}
NUMBERS = ("month", "day", "hour", "minute", "second", "weekday", "second_of_day")
CATEGORIES = ("month", "day", "month_day", "month_day_hour", "hour", "minute", "weekday")
POPULAR = (("item", 100), ("category", 50))
TOP = (("item", 10), ("category", 5))

Entry = dict[str, Any]


def _times(prefix: str, more: Entry, categorical: bool) -> list[Entry]:
    parts = CATEGORIES if categorical else NUMBERS
    return [
        {"name": f"{prefix}_{at}_{part}", "op": "time_part", "at": at, "part": part, "categorical": categorical} | more
        for at, part in product(("first", "last"), parts)
    ]


SESSION: dict[str, list[Entry]] = {
    "numerical time features of the start and of the end": _times("num", {}, False),
    "categorical time features of the start and the end": _times("cat", {}, True),
    "length of the session in seconds": [{"name": "length_s", "op": "span"}],
    "numbers of clicks, unique items, unique categories, unique item-category pairs": [
        {"name": "clicks", "op": "count"} | CLICK,
        *({"name": f"unique_{of}", "op": "count_distinct", "of": of} | CLICK for of in ("item", "category")),
        {"name": "unique_pairs", "op": "count_distinct", "of": "item_category"} | CLICK,
    ],
    "top 10 items and top 5 categories by number of clicks": [
        {"name": f"top_{of}_{k}", "op": "top_k", "of": of, "k": k, "give": "id"} | CLICK
        for of, size in TOP
        for k in range(1, size + 1)
    ],
    "id of the first and of the last item clicked at least k = 1..6 times": [
        {"name": f"{at}_of_{k}_clicks", "op": "clicked_at_least", "of": "item", "at": at, "k": k} | CLICK
        for at in ("first", "last")
        for k in range(1, 7)
    ],
    "vectors of click counts and of total durations for the 100 items and 50 categories most popular": [
        {"name": f"{of}_{k:03d}_{give}", "op": "popular", "of": of, "k": k, "give": give, "vocabulary": f"{of}_ids"}
        | CLICK
        for give in ("clicks", "seconds")
        for of, size in POPULAR
        for k in range(1, size + 1)
    ],
}
PAIR: dict[str, list[Entry]] = {
    "item id": [{"name": "item_id", "op": "pair_item"}],
    "total and relative number of clicks on the item in the session": [
        {"name": "clicks", "op": "count"} | CLICK,
        {"name": "clicks_share", "op": "relative"} | CLICK,
    ],
    "numerical time features of the first and of the last click on the item": _times("num", CLICK, False),
    "categorical time features of the first and of the last click on the item": _times("cat", CLICK, True),
    "seconds between the first and the last click on the item": [{"name": "span_s", "op": "span"} | CLICK],
    "total duration of the clicks on the item, and on all of the item's categories seen in the session": [
        {"name": "dwell_s", "op": "dwell", "stat": "total"} | CLICK,
        {"name": "categories_dwell_s", "op": "dwell", "stat": "total", "scope": "categories"} | CLICK,
    ],
}


def spec_of(unit: str, rows: Sequence[Sequence[Entry]], **fitted: Any) -> FeatureSpec:
    """Return one spec with all rows."""
    features = [entry for row in rows for entry in row]
    return specs.loads(json.dumps({"version": 1, "unit": unit, "features": features} | fitted))
