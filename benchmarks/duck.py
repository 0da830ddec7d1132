"""The default selection's session aggregates as DuckDB computes them on one machine: the limit to compare with."""

import time
from pathlib import Path
from typing import Any

# Cut at the first sign of a checkout; dwell is the time to the next event that is not a ping; top items by clicks.
QUERY = """
WITH marked AS (
    SELECT *, min(CASE WHEN kind IN ('checkout', 'purchase', 'purchase_item') OR page IN ('checkout', 'thanks')
                       THEN ts END) OVER (PARTITION BY session) AS cut
    FROM read_parquet(?)
), seen AS (
    SELECT *, coalesce(
        min(CASE WHEN kind <> 'page_ping' THEN epoch_ms(ts) END) OVER later,
        max(epoch_ms(ts)) OVER (PARTITION BY session)) - epoch_ms(ts) AS dwell
    FROM marked WHERE cut IS NULL OR ts < cut
    WINDOW later AS (PARTITION BY session ORDER BY ts, event_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
), items AS (
    SELECT session, item, count(*) AS clicks, sum(dwell) AS looked
    FROM seen WHERE kind = 'item_view' AND item IS NOT NULL GROUP BY session, item
), top AS (
    SELECT session, max(clicks) AS first_clicks, max(clicks, 2)[2] AS second_clicks, max(looked) AS longest,
           max(clicks) / sum(clicks) AS share
    FROM items GROUP BY session
), sessions AS (
    SELECT session, count(*) AS n_events, count(*) FILTER (kind = 'item_view') AS n_item_views,
           count(*) FILTER (kind = 'search') AS n_searches, count(*) FILTER (kind = 'cart_add') AS n_cart_adds,
           count(*) FILTER (kind = 'cart_remove') AS n_cart_removes,
           count(DISTINCT item) FILTER (kind = 'item_view') AS unique_items,
           count(DISTINCT category) FILTER (kind = 'item_view') AS unique_categories,
           (max(epoch_ms(ts)) - min(epoch_ms(ts))) / 1000 AS length_s, hour(min(ts)) AS start_hour,
           sum(dwell) FILTER (kind = 'item_view') AS item_dwell,
           max(dwell) FILTER (kind = 'item_view') AS longest_dwell,
           avg(dwell) FILTER (kind = 'item_view') AS mean_dwell,
           avg(price) FILTER (kind = 'item_view') AS mean_price,
           arg_max(price, ts) FILTER (kind = 'item_view') AS last_price,
           sum(CASE kind WHEN 'cart_add' THEN price WHEN 'cart_remove' THEN -price END) AS cart_value,
           max(epoch_ms(ts)) - max(epoch_ms(ts)) FILTER (kind = 'cart_add') AS since_cart_add,
           max(epoch_ms(ts)) - max(epoch_ms(ts)) FILTER (kind = 'item_view') AS since_item_view,
           any_value(session_index) AS session_index, any_value(device) AS device, any_value(referrer) AS referrer
    FROM seen GROUP BY session
)
SELECT * FROM sessions LEFT JOIN top USING (session)
"""


def aggregate(events: Path, threads: int = 2) -> dict[str, Any]:
    """Seconds and sessions of the query over a folder of clean events, its result written as parquet."""
    import duckdb

    began = time.monotonic()
    connection = duckdb.connect(config={"threads": threads})
    out = events.parent / "duck.parquet"
    try:
        query = QUERY.replace("?", f"'{events}/*.parquet'")
        connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")
        seconds = time.monotonic() - began
        found = connection.execute(f"SELECT count(*) FROM read_parquet('{out}')").fetchone()  # noqa: S608 (own path)
    finally:
        out.unlink(missing_ok=True)
    return {"seconds": round(seconds, 2), "sessions": found[0] if found else 0, "threads": threads}
