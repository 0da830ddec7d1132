"""The Spark half of the features: a spec becomes one plan over all sessions, with one shuffle.

    events --(shuffle by session, sort by time)--> `number`: each event's number, and the next event; what is known of
                the session stands on its first event
           --> `until`, where beginnings of sessions are examples too: each event once for each that sees it
           --> aggregate by session, item, category
           --> the same rows once for each entity they belong to, aggregated by entity
           --> aggregate by session --> joined to what is known of the session: one row, the columns in the spec's order

Each aggregation's and join's keys begin with the session, so Spark finds the rows in place and shuffles nothing again.
Sorting and windows are the dear part, so a beginning is told from its session's numbers and sorts nothing; rows that
are many are kept narrow, so keys have nothing in them but names. `leapline.features.pairs` does the same for
session-item pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql.functions import expr

from leapline.features import learnt
from leapline.features.expressions import expression
from leapline.features.operations import Markov, Popular
from leapline.features.plan import BEFORE, DWELL, KNOWN, MILLIS, NEXT, ORDER, EntityKind, Plan
from leapline.features.spec import FeatureSpec

_FIRST = ("device", "referrer", "session_index")
_ORDER = "PARTITION BY session ORDER BY ts, event_id"
WHOLE = f"OVER ({_ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
"""The window of all the session's events."""
SO_FAR = f"OVER ({_ORDER})"
"""That of the events until this one."""
IN_ORDER = (f"row_number() {SO_FAR} AS {ORDER}", f"lag(unix_millis(ts)) {SO_FAR} AS {BEFORE}")
"""Select list: an event's number in its session, from 1, and the time of the one before it."""
# Before the name of what a beginning sees, and of its last event's time.
_CUT, _END = "cut_", "end_"
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
        carry: columns to keep that `number` was asked for.
        beginnings: whether a row is of a beginning of a session (`until`), and has `cut`, how many events it sees, and
            `whole`, whether these are all.
        states: whether to keep the session's states (`learnt.STATES`) whatever the spec asks for.
    """

    carry: tuple[str, ...] = ()
    beginnings: bool = False
    states: bool = False

    @property
    def by(self) -> list[str]:
        """The columns that name a row."""
        return ["session", "cut"] if self.beginnings else ["session"]

    @property
    def kept(self) -> list[str]:
        """Select list: the row's name and what it keeps."""
        whole = ["cut = length AS whole"] if self.beginnings else []
        return [*self.by, *whole, *(f"{_CARRY}{name} AS {name}" for name in self.carry)]

    @property
    def path(self) -> str:
        """SQL of the states that the row sees."""
        seen = f"substring({learnt.STATES}, 1, cut)" if self.beginnings else learnt.STATES
        return f"replace({seen}, '{learnt.NO_STATE}', '')"


def session_features(events: DataFrame, spec: FeatureSpec, carry: Sequence[str] = ()) -> DataFrame:
    """Compute a spec's features.

    Args:
        events: clean events, of which only those that the model may see: nothing at or after a checkout. Columns
            `event_id`, `session`, `ts`, `kind`, `page`, `item`, `category`, `price`, `quantity`, `device`,
            `referrer`, `session_index`.
        spec: the features, of unit `session`.
        carry: further columns of `events` to keep, of the session's first event.

    Returns:
        One row a session: `session`, the carried columns, then `spec.columns` in order; doubles and strings, none null.
    """
    raw = raw_session_features(number(events, {name: name for name in carry}), spec, Rows(tuple(carry)))
    return finish(raw, spec).select("session", *carry, *spec.columns)


def raw_session_features(numbered: DataFrame, spec: FeatureSpec, rows: Rows) -> DataFrame:
    """The same without what must be learnt first, whose ingredients stand in its place; of numbered events."""
    plan = Plan()
    ready = {f.name: expression(f, plan) for f in spec.features if not isinstance(f, Popular | Markov)}
    columns = ready | learnt.ingredients(spec, plan)
    if rows.states or spec.has_markov:
        columns[learnt.STATES] = rows.path

    now, again = parts(plan)
    kinds = [kind for kind in _ENTITIES if kind in plan.kinds]
    # The session's totals are those of its first kind of entities, which therefore has a row of what has none.
    all_of_it = f" FILTER (WHERE entity = '{kinds[0]}')" if kinds else ""
    total = {name: f"{combined}{all_of_it}" for name, combined in again.items()}
    events = until(numbered) if rows.beginnings else numbered
    rows_of = aggregate(with_dwell(events), [*rows.by, "item", "category"], now)
    if kinds:
        exploded = rows_of.selectExpr(*rows.by, f"explode({_entities(kinds)}) AS e", *plan.events)
        rows_of = aggregate(
            exploded.where("e IS NOT NULL").select("e.*", *rows.by, *plan.events),
            [*rows.by, "entity", "item", "category"],
            again,
        )
    sessions = aggregate(rows_of, rows.by, {**total, **plan.entities})
    return with_session(sessions, numbered).selectExpr(*rows.kept, *named(columns))


def finish(raw: DataFrame, spec: FeatureSpec) -> DataFrame:
    """Add the features that are made of what was learnt; the columns they are made of stay."""
    made = {f.name: learnt.value(f, spec) for f in spec.features if isinstance(f, Popular | Markov)}
    return raw.selectExpr("*", *named(made)) if made else raw


def number(
    events: DataFrame, carry: Mapping[str, str] | None = None, beginnings: Sequence[tuple[str, str]] = ()
) -> DataFrame:
    """Each event with its number in the session, its time in milliseconds, its price in cents and the next event that
    is no ping; and on the first event what is known of the session.

    Null is kept apart from unknown: a missing item stays null.

    Args:
        events: as for `session_features`; their numbers are taken as they are, where they have them.
        carry: further columns of the session to keep for `Rows.carry`, each with the SQL of the first event's value.
        beginnings: SQL of the session's beginnings for `until`, besides all of it: how many events each sees, and the
            last one's time in milliseconds. One that is null, or sees as many as another, is left out.
    """
    millis = "unix_millis(ts)"
    cents = "CASE WHEN abs(price) <= 1e9 THEN floor(price * 100 + 0.5D) END"
    known = {f"{_CARRY}{name}": sql for name, sql in (carry or {}).items()} | {f"first_{name}": name for name in _FIRST}
    event = f"named_struct('number', {ORDER}, 'ms', {MILLIS}, 'kind', kind, 'page', page)"
    told = {
        NEXT: f"lead(CASE WHEN kind <> 'page_ping' THEN {event} END) IGNORE NULLS {SO_FAR}",
        "length": f"CAST(count(1) {WHOLE} AS INT)",
        "last_ms": f"max({MILLIS}) {WHOLE}",
        learnt.STATES: f"collect_list({learnt.state_code()}) {WHOLE}",
    }
    for n, (cut, end) in enumerate(beginnings, 1):
        told |= {f"{_CUT}{n}": cut, f"{_END}{n}": end}
    ordered = events if ORDER in events.columns else events.selectExpr("*", *IN_ORDER)
    # Before the windows, which copy what is in a row.
    narrow = ordered.selectExpr(
        *("session", "event_id", "ts", "kind", "page", "item", "category"),
        f"{cents} AS cents",
        "CAST(quantity AS BIGINT) AS quantity",
        *(ORDER, BEFORE),
        f"{millis} AS {MILLIS}",
        *named({name: f"CASE WHEN {ORDER} = 1 THEN {sql} END" for name, sql in known.items()}),
    )
    text = f"CASE WHEN {ORDER} = 1 THEN array_join(transform({learnt.STATES}, code -> char(code)), '') END"
    numbered = narrow.selectExpr("*", *named(told)).withColumn(learnt.STATES, expr(text))
    return numbered.drop("event_id", "ts", BEFORE)


def until(numbered: DataFrame) -> DataFrame:
    """Each event once for each beginning of its session that sees it, and as that one sees it; `cut` names it."""
    cuts = ["length", *(name for name in numbered.columns if name.startswith(_CUT))]
    ends = ["last_ms", *(name for name in numbered.columns if name.startswith(_END))]
    rows = [f"named_struct('cut', {cut}, 'ms', {end})" for cut, end in zip(cuts, ends, strict=True)]
    again = [f"if({cuts[n]} IN ({', '.join(cuts[:n])}), NULL, {row})" for n, row in enumerate(rows) if n]
    opened = numbered.selectExpr("*", f"explode(array({', '.join([rows[0], *again])})) AS end")
    return opened.where(f"{ORDER} <= end.cut").selectExpr(
        *(name for name in numbered.columns if name not in {NEXT, "last_ms"}),
        "end.cut AS cut",
        f"CASE WHEN {NEXT}.number <= end.cut THEN {NEXT} END AS {NEXT}",
        "end.ms AS last_ms",
    )


def with_session(rows: DataFrame, numbered: DataFrame) -> DataFrame:
    """Rows that have a `session`, with what is known of it: the kept columns, the first event's, states and length."""
    known = [
        name for name in numbered.columns if name.startswith((_CARRY, "first_")) or name in ("length", learnt.STATES)
    ]
    # Both sides are where their session is, and mostly in its order: merging moves nothing.
    return rows.join(numbered.where(f"{ORDER} = 1").select("session", *known).hint("merge"), "session")


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
    """The entities that a row (session, item, category) belongs to, null for one that it has not; the first it has."""
    structs = []
    for kind in kinds:
        item, category = _ENTITIES[kind]
        row = f"named_struct('entity', '{kind}', 'item', {item}, 'category', {category})"
        structs.append(row if kind == kinds[0] else f"CASE WHEN {KNOWN[kind]} THEN {row} END")
    return f"array({', '.join(structs)})"
