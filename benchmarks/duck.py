"""The examples of a day computed with DuckDB on one machine, as a reference for featurize.

The same columns from the same events: complete sessions, one prefix of each (which DuckDB's hash selects), and
session-item pairs. Complete sessions and pairs are compared with the output of featurize, so both do the same work.
Only the states of the Markov chains and the descriptions of examples are left out.
"""

import time
from pathlib import Path
from typing import Any

# Events before the first sign of a checkout, with their number and the next event that is not a ping.
SEEN = """
CREATE TEMP TABLE seen AS
WITH marked AS (
    SELECT *, epoch_ms(ts) AS ms, floor(price * 100 + 0.5) AS cents, min(CASE WHEN
        kind IN ('checkout', 'purchase', 'purchase_item') OR page IN ('checkout', 'thanks') THEN ts END) OVER every
        AS cut_ts, max(CASE WHEN kind IN ('purchase', 'purchase_item') THEN 1 ELSE 0 END) OVER every AS label,
        list(item) FILTER (kind = 'purchase_item') OVER every AS bought
    FROM read_parquet('{events}') WINDOW every AS (PARTITION BY session)
), numbered AS (
    SELECT *, row_number() OVER so_far AS n, lag(ms) OVER so_far AS before_ms FROM marked
    WHERE cut_ts IS NULL OR ts < cut_ts WINDOW so_far AS (PARTITION BY session ORDER BY ts, event_id)
)
SELECT session, event_id, kind, item, category, cents, quantity, label, bought, device, referrer, session_index, n, ms,
    before_ms, lead(CASE WHEN kind <> 'page_ping' THEN {{'n': n, 'ms': ms}} END IGNORE NULLS)
    OVER (PARTITION BY session ORDER BY n) AS next
FROM numbered
"""
SESSIONS = """
WITH ends AS (
    SELECT session, count(*) AS length, unnest(list_distinct([{'cut': count(*), 'ms': max(ms)},
        {'cut': coalesce(arg_min(n - 1, hash(event_id)) FILTER (n > 1), count(*)),
         'ms': coalesce(arg_min(before_ms, hash(event_id)) FILTER (n > 1), max(ms))}])) AS until
    FROM seen GROUP BY session
), seen_events AS (
    SELECT seen.*, until.cut AS cut, until.cut = length AS whole,
        coalesce(CASE WHEN next.n <= until.cut THEN next.ms END, until.ms) - ms AS dwell
    FROM seen JOIN ends USING (session) WHERE n <= until.cut
), items AS (
    SELECT session, cut, item, count(*) AS clicks, sum(dwell) AS looked
    FROM seen_events WHERE kind = 'item_view' AND item IS NOT NULL GROUP BY ALL
), top AS (
    SELECT session, cut, max(clicks) AS top_item_clicks, max(clicks, 2)[2] AS second_item_clicks,
        max(looked) / 1000 AS top_item_dwell_s, max(clicks) / sum(clicks) AS top_item_share
    FROM items GROUP BY ALL
), sessions AS (
    SELECT session, cut, any_value(whole) AS whole, any_value(label) AS label, count(*) AS n_events,
        count(*) FILTER (kind = 'item_view') AS n_item_views, count(*) FILTER (kind = 'search') AS n_searches,
        count(*) FILTER (kind = 'cart_add') AS n_cart_adds, count(*) FILTER (kind = 'cart_remove') AS n_cart_removes,
        count(DISTINCT item) FILTER (kind = 'item_view') AS unique_items,
        count(DISTINCT category) FILTER (kind = 'item_view') AS unique_categories,
        count(item) FILTER (kind = 'item_view') - unique_items AS repeated_items,
        (max(ms) - min(ms)) / 1000 AS length_s, min(ms) // 3600000 % 24 AS start_hour,
        sum(dwell) FILTER (kind = 'item_view') / 1000 AS item_dwell_s,
        max(dwell) FILTER (kind = 'item_view') / 1000 AS longest_item_dwell_s,
        avg(dwell) FILTER (kind = 'item_view') / 1000 AS mean_item_dwell_s,
        avg(cents) FILTER (kind = 'item_view') / 100 AS mean_viewed_price,
        arg_max(cents, n) FILTER (kind = 'item_view') / 100 AS last_viewed_price,
        sum(CASE kind WHEN 'cart_add' THEN cents WHEN 'cart_remove' THEN -cents END * coalesce(quantity, 1)) / 100
            AS cart_value,
        coalesce((max(ms) - max(ms) FILTER (kind = 'cart_add')) / 1000, -1) AS since_cart_add_s,
        coalesce((max(ms) - max(ms) FILTER (kind = 'item_view')) / 1000, -1) AS since_item_view_s,
        arg_min_null(session_index, n) AS session_index, arg_min_null(device, n) AS device_type,
        arg_min_null(referrer, n) AS referrer_medium
    FROM seen_events GROUP BY session, cut
)
SELECT * FROM sessions LEFT JOIN top USING (session, cut)
"""
PAIRS = """
WITH seen_events AS (
    SELECT *, coalesce(next.ms, max(ms) OVER (PARTITION BY session)) - ms AS dwell FROM seen
), visits AS (
    SELECT session, max(ms) AS last_ms, count(*) AS session_events,
        count(*) FILTER (kind = 'item_view') AS session_item_views, sum(dwell) FILTER (kind = 'item_view') AS looked,
        count(DISTINCT item) FILTER (kind = 'item_view') AS session_items,
        count(*) FILTER (kind = 'cart_add') AS session_cart_adds,
        coalesce((max(ms) - max(ms) FILTER (kind = 'cart_add')) / 1000, -1) AS session_since_cart_add_s,
        arg_min_null(session_index, n) AS session_index
    FROM seen_events GROUP BY session
), of_categories AS (
    SELECT session, category, sum(dwell) FILTER (kind = 'item_view') AS dwell
    FROM seen_events WHERE category IS NOT NULL GROUP BY ALL
), named AS (
    SELECT DISTINCT session, item, category FROM seen_events WHERE item IS NOT NULL AND category IS NOT NULL
), categories AS (
    SELECT session, item, sum(dwell) / 1000 AS categories_dwell_s
    FROM named JOIN of_categories USING (session, category) GROUP BY ALL
), items AS (
    SELECT session, item, max(list_contains(bought, item)::INT) AS label,
        count(*) FILTER (kind = 'item_view') AS n_views,
        count(*) FILTER (kind = 'cart_add') AS n_cart_adds, count(*) FILTER (kind = 'cart_remove') AS n_cart_removes,
        sum(dwell) FILTER (kind = 'item_view') AS looked,
        (max(ms) FILTER (kind = 'item_view') - min(ms) FILTER (kind = 'item_view')) / 1000 AS span_s,
        max(ms) FILTER (kind = 'item_view') AS viewed, max(ms) FILTER (kind = 'cart_add') AS added,
        arg_max(cents, n) FILTER (kind = 'item_view') / 100 AS price,
        count(*) FILTER (kind IN ('item_view', 'cart_add', 'cart_remove')) AS clicks
    FROM seen_events WHERE item IS NOT NULL GROUP BY session, item
), top AS (
    SELECT session, max(n_views) / nullif(sum(n_views), 0) AS session_top_item_share FROM items GROUP BY session
)
SELECT session, item, coalesce(label, 0) AS label, n_views, n_views / nullif(session_item_views, 0) AS views_share,
    n_cart_adds, n_cart_removes, items.looked / 1000 AS dwell_s, items.looked / nullif(visits.looked, 0) AS dwell_share,
    categories_dwell_s, span_s, coalesce((last_ms - viewed) / 1000, -1) AS since_view_s,
    coalesce((last_ms - added) / 1000, -1) AS since_cart_add_s, price, session_events, session_item_views,
    session_items, session_cart_adds, session_since_cart_add_s, session_top_item_share, session_index
FROM items JOIN visits USING (session) JOIN top USING (session) LEFT JOIN categories USING (session, item)
WHERE clicks > 0
"""


def examples(events: Path, featurized: Path, threads: int = 2) -> dict[str, Any]:
    """Compute the examples of a day from clean events, and compare them with those of featurize.

    Args:
        events: clean events, parquet.
        featurized: the folder with the `examples` and `items` of featurize.
        threads: number of threads of DuckDB.

    Returns:
        `seconds` until both tables are written as parquet; `sessions`, `examples` and `pairs`.

    Raises:
        SystemExit: a value of a complete session or of a pair differs.
    """
    import duckdb

    parts = {"sessions": featurized / "duck_sessions.parquet", "pairs": featurized / "duck_pairs.parquet"}
    try:
        began = time.monotonic()
        connection = duckdb.connect(config={"threads": threads})
        connection.execute(SEEN.format(events=f"{events}/*.parquet"))
        for query, out in zip((SESSIONS, PAIRS), parts.values(), strict=True):
            connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")
        seconds = time.monotonic() - began
        # Paths and columns are our own, not a user's.
        counts = connection.execute(f"SELECT count_if(whole), count(*) FROM '{parts['sessions']}'").fetchone()  # noqa: S608
        whole = [f"(SELECT * FROM {_table(path)} WHERE whole)" for path in (parts["sessions"], featurized / "examples")]  # noqa: S608
        compare_tables(connection, *whole, keys=["session"])
        pairs = compare_tables(
            connection, _table(parts["pairs"]), _table(featurized / "items"), keys=["session", "item"]
        )
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    sessions, rows = counts or (0, 0)
    return {"seconds": round(seconds, 2), "sessions": sessions, "examples": rows, "pairs": pairs, "threads": threads}


def _table(path: Path) -> str:
    files = path if path.is_file() else path / "*.parquet"
    return f"read_parquet('{files}', hive_partitioning = false)"


def compare_tables(connection: Any, ours: str, theirs: str, keys: list[str]) -> int:
    """Return the number of rows of two tables with the same keys and the same values in all columns of `ours`.

    Raises:
        SystemExit: a column is missing or values differ.
    """
    columns = [
        {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()}  # noqa: S608
        for table in (ours, theirs)
    ]
    if missing := [name for name in columns[0] if name not in columns[1]]:
        raise SystemExit(f"featurize has not written {missing}")
    compared = [name for name in columns[0] if name not in (*keys, "cut", "whole")]
    differing = [
        f"count_if(coalesce(abs(a.{name} - coalesce(b.{name}, 0)) > 1e-9 * greatest(1, abs(a.{name})), true))"
        if columns[1][name] != "VARCHAR"
        else f"count_if(a.{name} <> coalesce(b.{name}, ''))"
        for name in compared
    ]
    query = f"SELECT count(*), {', '.join(differing)} FROM {theirs} a FULL JOIN {ours} b USING ({', '.join(keys)})"  # noqa: S608
    rows, *counts = connection.execute(query).fetchone()
    wrong = {name: count for name, count in zip(compared, counts, strict=True) if count}
    if wrong:
        raise SystemExit(f"DuckDB and featurize differ; rows per column, of {rows:,}: {wrong}")
    return int(rows)
