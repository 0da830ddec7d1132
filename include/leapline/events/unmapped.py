"""Pages and events that the mapping does not know and that belong to orders: candidates for the mapping.

A page after the purchase whose name is unknown counts as an ordinary page view. It is then before the session's first
known checkout event, so features contain it and know the purchase. Such a page is seen in many sessions with an order,
and in few others.

Names are collected while a day is cleaned, since clean events do not contain them. A path loses every part that may
name a person, an order or an item; names of few visitors and names with personal data are not listed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from leapline.events.personal import contains_personal_data
from leapline.events.sql_text import literal
from leapline.formatting import count, percent

COLUMN: Final = "unmapped"
MIN_ORDER_SHARE: Final = 0.5
"""Share of a page's sessions that must have an order; of a checkout page's sessions, some are abandoned."""
MIN_COVERAGE: Final = 0.05
"""Share of the sessions with an order that must have the page."""
NEAR_MINUTES: Final = 10
_MAX_LISTED, _IN_WARNING = 20, 5
_MAX_PATH, _MAX_PART = 120, 40
_VARIABLE: Final = rf"[^/]*[0-9@%=:;,+][^/]*|[^/]{{{_MAX_PART + 1},}}"
"""A part of a path that may be an id or a text: any with a digit or an escape, and long ones."""


def unmapped_sql(columns: Collection[str]) -> str:
    """Return SQL of the name of an event that the mapping does not know, null for others.

    Requires `kind` and `page`.

    Args:
        columns: of the enriched event that were read; `page_urlpath` is, others only if the mapping names them.
    """
    path = f"substring(coalesce(nullif(page_urlpath, ''), '/'), 1, {_MAX_PATH})"
    path = f"regexp_replace({path}, {literal(_VARIABLE)}, '*')"
    named = [name for name in ("event_name", "se_category", "se_action") if name in columns]
    event = f"regexp_replace(concat_ws(' ', {', '.join(named)}), '[0-9]+', '*')" if named else "''"
    return (
        f"CASE WHEN kind IN ('page_view', 'item_view') AND page = 'other' THEN concat('page ', {path}) "
        f"WHEN kind = 'other' AND {event} <> '' THEN concat('event ', substring({event}, 1, {_MAX_PATH})) END"
    )


def mapping_candidates(events: DataFrame, min_visitors: int) -> list[dict[str, Any]]:
    """Return the names that most orders' sessions have and few others; one pass over unknown events and purchases.

    Args:
        events: kept events with `session`, `visitor`, `ts`, `kind` and `COLUMN`, a session in one partition.
        min_visitors: the least number of visitors that a name needs to be listed.

    Returns:
        Rows of `name`, `sessions` (that have it), `order_sessions` (of these, with an order), `near_order` (of these,
        within `NEAR_MINUTES` of it), `visitors`, and `coverage`: the share of all sessions with an order.
    """
    order_ts = "min(CASE WHEN kind = 'purchase' THEN ts END) OVER (PARTITION BY session) AS order_ts"
    relevant = events.where(f"{COLUMN} IS NOT NULL OR kind = 'purchase'")
    timed = relevant.selectExpr("session", "visitor", COLUMN, "ts", order_ts)
    near = f"order_ts IS NOT NULL AND abs(timestampdiff(SECOND, ts, order_ts)) <= {NEAR_MINUTES * 60}"
    sessions = timed.groupBy("session", COLUMN).agg(
        F.first("visitor").alias("visitor"),
        F.expr("max(order_ts IS NOT NULL)").alias("has_order"),
        F.expr(f"max({near})").alias("is_near"),
    )
    totals = sessions.groupBy(COLUMN).agg(
        F.count("*").alias("sessions"),
        F.expr("count_if(has_order)").alias("order_sessions"),
        F.expr("count_if(is_near)").alias("near_order"),
        F.expr("count(DISTINCT visitor)").alias("visitors"),
    )
    # The row without a name has the purchases.
    often = f"order_sessions >= {MIN_ORDER_SHARE} * sessions AND visitors >= {min_visitors}"
    listed = totals.where(f"{COLUMN} IS NULL OR ({often})").orderBy(F.desc("order_sessions"), COLUMN).limit(200)
    rows = [row.asDict() for row in listed.collect()]
    orders = next((row["order_sessions"] for row in rows if row[COLUMN] is None), 0)
    named = [row for row in rows if row[COLUMN] is not None and row["order_sessions"] >= MIN_COVERAGE * orders]
    safe = [row for row in named if not contains_personal_data(row[COLUMN])]
    return [_candidate(row, orders) for row in safe[:_MAX_LISTED]]


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


def _candidate(row: dict[str, Any], orders: int) -> dict[str, Any]:
    coverage = round(row["order_sessions"] / orders, 4)
    return {"name": row.pop(COLUMN), **row, "coverage": coverage}
