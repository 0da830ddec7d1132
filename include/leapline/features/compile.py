"""The Spark half of the features: a spec becomes one plan over all sessions, with one shuffle.

    events --(shuffle by session, sort by time)--> `number`: each event's number, and the next event
           --> `until`, where beginnings of sessions are examples too: each event once for each that sees it
           --> aggregate by session, item, category
           --> the same rows once for each entity they belong to, aggregated by entity
           --> aggregate by session --> one row a session, the columns in the spec's order

Each aggregation's keys begin with the session, so Spark finds the rows in place and shuffles nothing again. Sorting and
windows are the dear part, so a beginning is told from its session's numbers and sorts nothing.
`leapline.features.pairs` does the same for session-item pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql.functions import expr

from leapline.features import learnt
from leapline.features.expressions import expression
from leapline.features.operations import Markov, Popular
from leapline.features.plan import DWELL, KNOWN, MILLIS, NEXT, ORDER, EntityKind, Plan
from leapline.features.spec import FeatureSpec

_FIRST = ("device", "referrer", "session_index")
_ORDER = "PARTITION BY session ORDER BY ts, event_id"
WHOLE = f"OVER ({_ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
"""The window of all the session's events."""
SO_FAR = f"OVER ({_ORDER})"
"""That of the events until this one."""
# An event without a state, so that the states have an event's number.
_NO_STATE = "-"
# Before a kept column's name while events are aggregated: theirs may be those of events.
_CARRY = "carry_"
_NONE = "CAST(NULL AS STRING)"
_ENTITIES: dict[EntityKind, tuple[str, str]] = {
    "item": ("item", _NONE),
    "category": (_NONE, "category"),
    "item_category": ("item", "category"),
}


@dataclass(frozen=True)
class Rows:
    """What one row of features is of, and what it keeps beside them.

    Attributes:
        by: columns that name a session; more than one where its beginnings are sessions of their own (`BEGINNING`). The
            first of them decides where a row is computed.
        carry: further columns, with one value a session, to keep.
        states: whether to keep the session's states (`learnt.STATES`) whatever the spec asks for.
    """

    by: tuple[str, ...] = ("session",)
    carry: tuple[str, ...] = ()
    states: bool = False

    @property
    def carried(self) -> list[str]:
        """The kept columns' names while events are aggregated."""
        return [f"{_CARRY}{name}" for name in self.carry]

    @property
    def keys(self) -> list[str]:
        """What is the same for all events of a session."""
        return [*self.by, *self.carried, *(f"first_{name}" for name in _FIRST)]

    @property
    def kept(self) -> list[str]:
        """Select list: the session's name and the kept columns."""
        return [*self.by, *(f"{_CARRY}{name} AS {name}" for name in self.carry)]


BEGINNING = ("session", "cut", "whole")
"""What names a beginning of a session: how many events it sees, and whether these are all."""


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
    rows = Rows(carry=tuple(carry))
    raw = raw_session_features(number(events, rows.carry), spec, rows)
    return finish(raw, spec).select("session", *carry, *spec.columns)


def raw_session_features(numbered: DataFrame, spec: FeatureSpec, rows: Rows) -> DataFrame:
    """The same without what must be learnt first, whose ingredients stand in its place; of numbered events."""
    plan = Plan()
    ready = {f.name: expression(f, plan) for f in spec.features if not isinstance(f, Popular | Markov)}
    columns = ready | learnt.ingredients(spec, plan)
    states = rows.states or spec.has_markov
    keys = [*rows.keys, *([learnt.STATES] if states else [])]

    now, again = parts(plan)
    kinds = [kind for kind in _ENTITIES if kind in plan.kinds]
    # The session's totals are those of its first kind of entities, which therefore has a row of what has none.
    all_of_it = f" FILTER (WHERE entity = '{kinds[0]}')" if kinds else ""
    total = {name: f"{combined}{all_of_it}" for name, combined in again.items()}
    rows_of = aggregate(with_dwell(numbered), [*keys, "item", "category"], now)
    if kinds:
        exploded = rows_of.selectExpr(*keys, f"explode({_entities(kinds)}) AS e", *plan.events)
        rows_of = aggregate(exploded.select("e.*", *keys, *plan.events), [*keys, "entity", "item", "category"], again)
    sessions = aggregate(rows_of, keys, {**total, **plan.entities})
    path = f"replace({learnt.STATES}, '{_NO_STATE}', '') AS {learnt.STATES}"
    return sessions.selectExpr(*rows.kept, *named(columns), *([path] if states else []))


def finish(raw: DataFrame, spec: FeatureSpec) -> DataFrame:
    """Add the features that are made of what was learnt; the columns they are made of stay."""
    made = {f.name: learnt.value(f, spec) for f in spec.features if isinstance(f, Popular | Markov)}
    return raw.selectExpr("*", *named(made)) if made else raw


def number(events: DataFrame, carry: Sequence[str] = (), ends: str | None = None) -> DataFrame:
    """Each event with its number in the session, its time in milliseconds, its price in cents, the next event that is
    no ping, the first event's attributes and all the session's states.

    Null is kept apart from unknown: a missing item stays null.

    Args:
        events: as for `session_features`; their numbers are taken as they are, where they have them.
        carry: further columns, with one value a session, to keep for `Rows.carry`.
        ends: SQL of the session's beginnings for `until`: an array of (`cut`: how many events it sees, `ms`: the last
            one's time).
    """
    millis = "unix_millis(ts)"
    event = f"named_struct('number', {ORDER}, 'ms', {millis}, 'kind', kind, 'page', page)"
    cents = "CASE WHEN abs(price) <= 1e9 THEN floor(price * 100 + 0.5D) END"
    path = f"collect_list(coalesce({learnt.state_letter()}, '{_NO_STATE}')) {WHOLE}"
    ordered = events if ORDER in events.columns else events.selectExpr("*", f"row_number() {SO_FAR} AS {ORDER}")
    return ordered.selectExpr(
        "session",
        *(f"{name} AS {_CARRY}{name}" for name in carry),
        *(f"first_value({name}) {SO_FAR} AS first_{name}" for name in _FIRST),
        "kind",
        "page",
        "item",
        "category",
        f"{cents} AS cents",
        "CAST(quantity AS BIGINT) AS quantity",
        ORDER,
        f"{millis} AS {MILLIS}",
        f"lead(CASE WHEN kind <> 'page_ping' THEN {event} END) IGNORE NULLS {SO_FAR} AS {NEXT}",
        f"max({millis}) {WHOLE} AS last_ms",
        f"array_join({path}, '') AS {learnt.STATES}",
        *([f"count(1) {WHOLE} AS length", f"{ends} AS ends"] if ends else []),
    )


def until(numbered: DataFrame) -> DataFrame:
    """Each event once for each beginning of its session that sees it, and as that one sees it; named by `BEGINNING`."""
    opened = numbered.selectExpr("*", "explode(ends) AS end").where(f"{ORDER} <= end.cut")
    told = {NEXT, "last_ms", learnt.STATES, "length", "ends"}
    return opened.selectExpr(
        *(name for name in numbered.columns if name not in told),
        "end.cut AS cut",
        "end.cut = length AS whole",
        f"CASE WHEN {NEXT}.number <= end.cut THEN {NEXT} END AS {NEXT}",
        "end.ms AS last_ms",
        f"substring({learnt.STATES}, 1, end.cut) AS {learnt.STATES}",
    )


def with_dwell(numbered: DataFrame) -> DataFrame:
    """Numbered events with their dwell: until the next event that is no ping, or until the last one."""
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


def _entities(kinds: Sequence[EntityKind]) -> str:
    """The entities that a row (session, item, category) belongs to; of the first kind always one."""
    structs = []
    for kind in kinds:
        item, category = _ENTITIES[kind]
        row = f"named_struct('entity', '{kind}', 'item', {item}, 'category', {category})"
        structs.append(row if kind == kinds[0] else f"CASE WHEN {KNOWN[kind]} THEN {row} END")
    return f"array_compact(array({', '.join(structs)}))"
