"""Clean events for tests: small alphabets, so that ties, repeats and gaps are common."""

import random
from datetime import datetime, timedelta
from typing import Any

from leapline.features.operations import PAGES

SCHEMA = (
    "event_id string, session string, visitor string, ts timestamp, collector_ts timestamp, kind string, page string,"
    " item string, category string, price double, quantity int, device string, referrer string, session_index int"
)
COLUMNS = [column.split()[0] for column in SCHEMA.split(", ")]
KINDS = ("page_view", "page_ping", "item_view", "cart_add", "cart_remove", "search", "other")


def event(session: str, number: int, kind: str, ts: datetime, **values: Any) -> dict[str, Any]:
    """Return one clean event; columns that are not given are null."""
    row = dict.fromkeys(COLUMNS) | {
        "event_id": f"{session}-{number:04d}",
        "session": session,
        "visitor": f"v-{session}",
        "ts": ts,
        "collector_ts": ts,
        "kind": kind,
    }
    return row | values


def random_session(rng: random.Random, session: str) -> list[dict[str, Any]]:
    """Return up to 25 events, some at the same time, with some values missing."""
    ts = datetime(rng.choice([1969, 2024, 2026]), rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23), 59, 58)
    rows = []
    for number in rng.sample(range(10_000), rng.randint(1, 25)):
        kind = rng.choice(KINDS)
        ts += timedelta(microseconds=rng.choice([0, 0, 999, 1_000, 1_234_567, 61_000_000, 5_000_000_000]))
        some: dict[str, Any] = {
            "page": rng.choice([*PAGES, None]) if kind in ("page_view", "item_view") else None,
            "item": rng.choice(["i1", "i2", "i3", "é", None]) if kind not in ("page_ping", "search") else None,
            "category": rng.choice(["c1", "c2", None]),
            "price": rng.choice([None, 0.0, 19.99, 1.005, 1234.5, float("nan"), 1e9, 1e12]),
            "quantity": rng.choice([None, 1, 2, 7, 2**31 - 1]),
            "device": rng.choice([None, "Mobile", "Computer"]),
            "referrer": rng.choice([None, "search", "social"]),
            "session_index": rng.choice([None, 1, 5]),
        }
        rows.append(event(session, number, kind, ts, **some))
    rng.shuffle(rows)
    return rows


def random_sessions(count: int, seed: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Return `count` random sessions by name."""
    rng = random.Random(seed)
    return {f"s{i}": random_session(rng, f"s{i}") for i in range(count)}


def frame(spark: Any, rows: list[dict[str, Any]]) -> Any:
    """Return the rows as a DataFrame of clean events."""
    return spark.createDataFrame([tuple(row[c] for c in COLUMNS) for row in rows], SCHEMA)
