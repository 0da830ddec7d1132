"""The Spark half of the features: a spec becomes one plan over all sessions, with one shuffle.

    events --(shuffle by session, sort by time)--> window: each event's number and dwell
           --> aggregate by session, item, category
           --> the same rows once for each entity they belong to, aggregated by entity
           --> aggregate by session --> one row a session, the columns in the spec's order

Each aggregation's keys begin with the session, so Spark finds the rows in place and shuffles nothing again.
`leapline.features.pairs` does the same for session-item pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql.functions import expr

from leapline.features import learnt
from leapline.features.expressions import expression
from leapline.features.operations import Markov, Popular
from leapline.features.plan import DWELL, MILLIS, NEXT, ORDER, Plan
from leapline.features.spec import FeatureSpec

_FIRST = ("device", "referrer", "session_index")
_NONE = "CAST(NULL AS STRING)"
_ENTITIES = (
    ("item", "item IS NOT NULL", "item", _NONE),
    ("category", "category IS NOT NULL", _NONE, "category"),
    ("item_category", "item IS NOT NULL OR category IS NOT NULL", "item", "category"),
)


@dataclass(frozen=True)
class Rows:
    """What one row of features is of, and what it keeps beside them.

    Attributes:
        by: columns of `events` that name a session; two where its beginnings are sessions of their own. The first of
            them decides where a row is computed.
        carry: further columns of `events`, with one value a session, to keep.
        states: whether to keep the session's states (`learnt.STATES`) whatever the spec asks for.
    """

    by: tuple[str, ...] = ("session",)
    carry: tuple[str, ...] = ()
    states: bool = False

    @property
    def carried(self) -> list[str]:
        """The kept columns' names while events are aggregated: theirs may be those of events."""
        return [f"carry_{name}" for name in self.carry]

    @property
    def keys(self) -> list[str]:
        """What is the same for all events of a session."""
        return [*self.by, *self.carried, *(f"first_{name}" for name in _FIRST)]

    @property
    def kept(self) -> list[str]:
        """Select list: the session's name and the kept columns."""
        return [*self.by, *(f"carry_{name} AS {name}" for name in self.carry)]

    @property
    def window(self) -> str:
        """The session's events in order."""
        return f"PARTITION BY {', '.join(self.by)} ORDER BY ts, event_id"


def session_features(events: DataFrame, spec: FeatureSpec, carry: Sequence[str] = ()) -> DataFrame:
    """Compute a spec's features.

    Args:
        events: clean events, of which only those that the model may see: nothing at or after a checkout. Columns
            `event_id`, `session`, `ts`, `kind`, `page`, `item`, `category`, `price`, `quantity`, `device`,
            `referrer`, `session_index`.
        spec: the features, of unit `session`.
        carry: further columns of `events`, with one value a session, to keep.

    Returns:
        One row a session: `session`, the carried columns, then `spec.columns` in order; doubles and strings, none null.
    """
    raw = raw_session_features(events, spec, Rows(carry=tuple(carry)))
    return finish(raw, spec).select("session", *carry, *spec.columns)


def raw_session_features(events: DataFrame, spec: FeatureSpec, rows: Rows) -> DataFrame:
    """The same without what must be learnt first: the columns that `finish` makes it of stand in its place."""
    plan = Plan()
    ready = {f.name: expression(f, plan) for f in spec.features if not isinstance(f, Popular | Markov)}
    columns = ready | learnt.ingredients(spec, plan)
    states = rows.states or spec.has_markov
    keys = [*rows.keys, *([learnt.STATES] if states else [])]

    now, again = parts(plan)
    total = {name: f"{combined} FILTER (WHERE entity = 'event')" for name, combined in again.items()}
    triples = aggregate(number(events, rows, states), [*keys, "item", "category"], now)
    exploded = triples.selectExpr(*keys, f"explode({_entities(plan)}) AS e", *plan.events)
    entities = aggregate(exploded.select("e.*", *keys, *plan.events), [*keys, "entity", "item", "category"], again)
    sessions = aggregate(entities, keys, {**total, **plan.entities})
    return sessions.selectExpr(*rows.kept, *named(columns), *([learnt.STATES] if states else []))


def finish(raw: DataFrame, spec: FeatureSpec) -> DataFrame:
    """Add the features that are made of what was learnt; the columns they are made of stay."""
    made = {f.name: learnt.value(f, spec) for f in spec.features if isinstance(f, Popular | Markov)}
    return raw.selectExpr("*", *named(made)) if made else raw


def number(events: DataFrame, rows: Rows, states: bool = False) -> DataFrame:
    """Each event with its number in the session, its time and dwell in milliseconds, its price in cents, and the
    first event's attributes. Null is kept apart from unknown: a missing item stays null."""
    window = rows.window
    whole = f"OVER ({window} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    millis = "unix_millis(ts)"
    event = f"named_struct('ms', {millis}, 'kind', kind, 'page', page)"
    following = f"lead(CASE WHEN kind <> 'page_ping' THEN {event} END) IGNORE NULLS OVER ({window})"
    cents = "CASE WHEN abs(price) <= 1e9 THEN floor(price * 100 + 0.5D) END"
    path = f"array_join(collect_list({learnt.state_letter()}) {whole}, '') AS {learnt.STATES}"
    numbered = events.selectExpr(
        *rows.by,
        *(f"{name} AS carry_{name}" for name in rows.carry),
        *(f"first_value({name}) OVER ({window}) AS first_{name}" for name in _FIRST),
        "kind",
        "page",
        "item",
        "category",
        f"{cents} AS cents",
        "CAST(quantity AS BIGINT) AS quantity",
        f"row_number() OVER ({window}) AS {ORDER}",
        f"{millis} AS {MILLIS}",
        f"{following} AS {NEXT}",
        f"max({millis}) {whole} AS last_ms",
        *([path] if states else []),
    )
    return numbered.selectExpr("*", f"coalesce({NEXT}.ms, last_ms) - {MILLIS} AS {DWELL}")


def parts(*plans: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """The plans' aggregates over events, and what combines such results."""
    events = [entry for plan in plans for entry in plan.events.items()]
    return {name: first for name, (first, _) in events}, {name: then for name, (_, then) in events}


def aggregate(rows: DataFrame, keys: Sequence[str], aggregates: Mapping[str, str]) -> DataFrame:
    """One row for each combination of keys."""
    # A spec of attributes alone asks for no aggregate; Spark wants one.
    wanted = aggregates or {"n_rows": "count(1)"}
    return rows.groupBy(*keys).agg(*(expr(sql).alias(name) for name, sql in wanted.items()))


def named(columns: Mapping[str, str]) -> list[str]:
    """Expressions under their names, for `selectExpr`."""
    return [f"{sql} AS {name}" for name, sql in columns.items()]


def _entities(plan: Plan) -> str:
    """The entities that a row (session, item, category) belongs to; and `event`, once, for the session's totals."""
    entities = [("event", "true", _NONE, _NONE), *(row for row in _ENTITIES if row[0] in plan.kinds)]
    structs = (
        f"CASE WHEN {test} THEN named_struct('entity', '{name}', 'item', {item}, 'category', {category}) END"
        for name, test, item, category in entities
    )
    return f"array_compact(array({', '.join(structs)}))"
