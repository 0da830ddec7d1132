"""The Spark half of the features: a spec becomes one plan over all sessions, with one shuffle.

    events --(shuffle by session, sort by time)--> window: each event's number and dwell
           --> aggregate by session, item, category
           --> the same rows once for each entity they belong to, aggregated by entity
           --> aggregate by session --> one row a session, the columns in the spec's order

Each aggregation's keys begin with the session, so Spark finds the rows in place and shuffles nothing again.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql.functions import expr

from leapline.features.expressions import expression
from leapline.features.plan import DWELL, MILLIS, NEXT, ORDER, Plan
from leapline.features.spec import FeatureSpec

_FIRST = ("device", "referrer", "session_index")
_WINDOW = "PARTITION BY session ORDER BY ts, event_id"
_WHOLE = f"{_WINDOW} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
_NONE = "CAST(NULL AS STRING)"
_ENTITIES = (
    ("item", "item IS NOT NULL", "item", _NONE),
    ("category", "category IS NOT NULL", _NONE, "category"),
    ("item_category", "item IS NOT NULL OR category IS NOT NULL", "item", "category"),
)


def session_features(events: DataFrame, spec: FeatureSpec, carry: Sequence[str] = ()) -> DataFrame:
    """Compute a spec's features.

    Args:
        events: clean events, of which only those that the model may see: nothing at or after a checkout. Columns
            `event_id`, `session`, `ts`, `kind`, `page`, `item`, `category`, `price`, `quantity`, `device`,
            `referrer`, `session_index`.
        spec: the features.
        carry: further columns of `events`, with one value a session, to keep.

    Returns:
        One row a session: `session`, the carried columns, then `spec.columns` in order; doubles and strings, none null.
    """
    plan = Plan()
    columns = [f"{expression(feature, plan)} AS {feature.name}" for feature in spec.features]
    carried = [f"carry_{name}" for name in carry]
    keys = ["session", *carried, *(f"first_{name}" for name in _FIRST)]

    now = {name: aggregate for name, (aggregate, _) in plan.events.items()}
    again = {name: combined for name, (_, combined) in plan.events.items()}
    total = {name: f"{combined} FILTER (WHERE entity = 'event')" for name, combined in again.items()}
    triples = _aggregate(_number(events, carry), [*keys, "item", "category"], now)
    exploded = triples.selectExpr(*keys, f"explode({_entities(plan)}) AS e", *plan.events)
    entities = _aggregate(exploded.select("e.*", *keys, *plan.events), [*keys, "entity", "item", "category"], again)
    sessions = _aggregate(entities, keys, {**total, **plan.entities})
    return sessions.selectExpr("session", *(f"carry_{name} AS {name}" for name in carry), *columns)


def _number(events: DataFrame, carry: Sequence[str]) -> DataFrame:
    """Each event with its number in the session, its time and dwell in milliseconds, its price in cents, and the
    first event's attributes. Null is kept apart from unknown: a missing item stays null."""
    millis = "unix_millis(ts)"
    event = f"named_struct('ms', {millis}, 'kind', kind, 'page', page)"
    following = f"lead(CASE WHEN kind <> 'page_ping' THEN {event} END) IGNORE NULLS OVER ({_WINDOW})"
    cents = "CASE WHEN abs(price) <= 1e9 THEN floor(price * 100 + 0.5D) END"
    numbered = events.selectExpr(
        "session",
        *(f"{name} AS carry_{name}" for name in carry),
        *(f"first_value({name}) OVER ({_WINDOW}) AS first_{name}" for name in _FIRST),
        "kind",
        "page",
        "item",
        "category",
        f"{cents} AS cents",
        "CAST(quantity AS BIGINT) AS quantity",
        f"row_number() OVER ({_WINDOW}) AS {ORDER}",
        f"{millis} AS {MILLIS}",
        f"{following} AS {NEXT}",
        f"max({millis}) OVER ({_WHOLE}) AS last_ms",
    )
    return numbered.selectExpr("*", f"coalesce({NEXT}.ms, last_ms) - {MILLIS} AS {DWELL}")


def _entities(plan: Plan) -> str:
    """The entities that a row (session, item, category) belongs to; and `event`, once, for the session's totals."""
    entities = [("event", "true", _NONE, _NONE), *(row for row in _ENTITIES if row[0] in plan.scopes)]
    structs = (
        f"CASE WHEN {test} THEN named_struct('entity', '{name}', 'item', {item}, 'category', {category}) END"
        for name, test, item, category in entities
    )
    return f"array_compact(array({', '.join(structs)}))"


def _aggregate(rows: DataFrame, keys: Sequence[str], aggregates: dict[str, str]) -> DataFrame:
    # A spec of attributes alone asks for no aggregate; Spark wants one.
    wanted = aggregates or {"n_rows": "count(1)"}
    return rows.groupBy(*keys).agg(*(expr(sql).alias(name) for name, sql in wanted.items()))
