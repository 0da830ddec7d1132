"""Pages and events that the mapping does not know and that belong to orders: candidates for the mapping.

A page after the purchase whose name is unknown counts as an ordinary page view. It is then before the session's first
known checkout event, so features contain it and know the purchase. Such a page is seen in many sessions with an order,
and in few others.

Names are collected while a day is cleaned, since clean events do not contain them. A path loses every part that may
name a person, an order or an item; names of few visitors and names with personal data are not listed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from leapline.events.cleaner.stages import Cleaner
from leapline.events.personal import contains_personal_data
from leapline.formatting import count, percent

MIN_ORDER_SHARE: Final = 0.5
"""Share of a page's sessions that must have an order; of a checkout page's sessions, some are abandoned."""
MIN_COVERAGE: Final = 0.05
"""Share of the sessions with an order that must have the page."""
_MAX_LISTED, _IN_WARNING = 20, 5


def mapping_candidates(cleaner: Cleaner, kept: DataFrame, names: pa.Table, min_visitors: int) -> list[dict[str, Any]]:
    """Return the names that most orders' sessions have and few others.

    Args:
        cleaner: the stages, without the events of repeated orders.
        kept: blocks of rows.
        names: `statistics.DayProfile.names`.
        min_visitors: the least number of visitors that a name needs to be listed.

    Returns:
        Rows of `name`, `sessions` (that have it), `order_sessions` (of these, with an order), `near_order` (of these,
        within ten minutes of it), `visitors`, and `coverage`: the share of all sessions with an order.
    """
    rows = names.to_pylist()
    orders = sum(row["order_sessions"] for row in rows if not row["name"])
    least = MIN_COVERAGE * orders
    often = [
        row
        for row in rows
        if row["name"] and row["order_sessions"] >= max(MIN_ORDER_SHARE * row["sessions"], least) and orders
    ]
    often = [row for row in often if not contains_personal_data(row["name"])]
    visitors = _visitors(cleaner, kept, [row["name"] for row in often])
    listed = [row | {"visitors": visitors[row["name"]]} for row in often if visitors[row["name"]] >= min_visitors]
    listed.sort(key=lambda row: (-row["order_sessions"], row["name"]))
    return [row | {"coverage": round(row["order_sessions"] / orders, 4)} for row in listed[:_MAX_LISTED]]


def _visitors(cleaner: Cleaner, kept: DataFrame, names: list[str]) -> dict[str, int]:
    """Return the number of visitors per name. Only names of orders get here, so few events have one."""
    if not names:
        return {}
    visitors = cleaner.visitors(kept, names).groupBy("name").agg(F.countDistinct("visitor").alias("visitors"))
    return {row["name"]: row["visitors"] for row in visitors.collect()}


def candidates_warning(candidates: Sequence[Mapping[str, Any]]) -> str:
    """Return the warning about candidates, empty if there are none."""
    if not candidates:
        return ""
    listed = ", ".join(
        f"{row['name']} ({count(row['order_sessions'])} of its {count(row['sessions'])} sessions have an order, "
        f"{percent(row['coverage'])} of all orders)"
        for row in candidates[:_IN_WARNING]
    )
    more = f" and {len(candidates) - _IN_WARNING} more in counts.json" if len(candidates) > _IN_WARNING else ""
    return (
        f"The event mapping does not know what is seen in sessions with an order and hardly in others: {listed}{more}. "
        "If it belongs to the checkout or follows it, map it to the page `checkout` or `thanks` "
        "(LEAPLINE_EVENT_MAPPING): otherwise features contain it, and know the purchase."
    )
