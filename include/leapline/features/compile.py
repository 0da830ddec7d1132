"""Compile a feature spec into one Spark plan over all sessions, with a single shuffle.

    events --(shuffle by session, sort by time)--> `number_events`: each event's number and the event after it; the
                session's attributes are on its first event
           --> `expand_prefixes`, where prefixes of sessions are examples too: each event once per prefix that
                contains it
           --> aggregate by session, item, category
           --> the same rows once for each entity they belong to, aggregated by entity
           --> aggregate by session --> joined to the session's attributes: one row, columns in the spec's order

The keys of each aggregation and join begin with the session, so Spark finds the rows in place and does not shuffle
again. Sorting and windows cost most of the time; a prefix is therefore derived from its session's event numbers and
sorts nothing. Large intermediate tables are kept narrow. `leapline.features.pairs` does the same for session-item
pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql.functions import expr

from leapline.features import fitted
from leapline.features.expressions import expression
from leapline.features.operations import Markov, Popular
from leapline.features.plan import BEFORE, DWELL, HAS_ENTITY, MILLIS, NEXT, ORDER, EntityKind, Plan
from leapline.features.spec import FeatureSpec

_ATTRIBUTES = ("device", "referrer", "session_index")
_ORDER = "PARTITION BY session ORDER BY ts, event_id"
WHOLE_SESSION = f"OVER ({_ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
"""Window over all events of the session."""
SO_FAR = f"OVER ({_ORDER})"
"""Window over the session's events up to the current one."""
EVENT_ORDER_COLUMNS = (f"row_number() {SO_FAR} AS {ORDER}", f"lag(unix_millis(ts)) {SO_FAR} AS {BEFORE}")
"""Select list: an event's number in its session, from 1, and the time of the event before it."""
# Prefixes of the columns with a prefix's number of events, and with the time of its last event.
_CUT, _END = "cut_", "end_"
# Prefix of a carried column while events are aggregated: an event column may have the same name.
_CARRY = "carry_"
_NULL_STRING = "CAST(NULL AS STRING)"
_ENTITIES: dict[EntityKind, tuple[str, str]] = {
    "item": ("item", _NULL_STRING),
    "category": (_NULL_STRING, "category"),
    "item_category": ("item", "category"),
}


@dataclass(frozen=True)
class RowLayout:
    """The layout of one row of features: the unit that it describes, and its columns besides the features.

    Attributes:
        carry: columns to keep that `number_events` was given.
        prefixes: whether a row describes a prefix of a session (`expand_prefixes`); it then has `cut`, the number of
            events in the prefix, and `whole`, whether these are all events of the session.
        states: whether to keep the session's states (`fitted.STATES`) even if no feature needs them.
    """

    carry: tuple[str, ...] = ()
    prefixes: bool = False
    states: bool = False

    @property
    def keys(self) -> list[str]:
        """The columns that identify a row."""
        return ["session", "cut"] if self.prefixes else ["session"]

    @property
    def columns(self) -> list[str]:
        """Select list of the row's keys and carried columns."""
        is_whole = ["cut = length AS whole"] if self.prefixes else []
        return [*self.keys, *is_whole, *(f"{_CARRY}{name} AS {name}" for name in self.carry)]

    @property
    def path(self) -> str:
        """SQL of the states within the row's session or prefix."""
        states = f"substring({fitted.STATES}, 1, cut)" if self.prefixes else fitted.STATES
        return f"replace({states}, '{fitted.NO_STATE}', '')"


def session_features(events: DataFrame, spec: FeatureSpec, carry: Sequence[str] = ()) -> DataFrame:
    """Compute a spec's features.

    Args:
        events: the clean events that the model may use: nothing at or after a checkout. Columns `event_id`,
            `session`, `ts`, `kind`, `page`, `item`, `category`, `price`, `quantity`, `device`, `referrer`,
            `session_index`.
        spec: the features, of unit `session`.
        carry: further columns of `events` to keep, with the value of the session's first event.

    Returns:
        One row per session: `session`, the carried columns, then `spec.columns` in order; doubles and strings, none
        null.
    """
    numbered = number_events(events, {name: name for name in carry})
    raw = raw_session_features(numbered, spec, RowLayout(tuple(carry)))
    return apply_fitted(raw, spec).select("session", *carry, *spec.columns)


def raw_session_features(numbered: DataFrame, spec: FeatureSpec, layout: RowLayout) -> DataFrame:
    """Compute the features that need no fitted table, and the raw inputs of those that do.

    Args:
        numbered: as returned by `number_events`.
        spec: the features, of unit `session`.
        layout: of the result's rows.
    """
    plan = Plan()
    columns = {f.name: expression(f, plan) for f in spec.features if not isinstance(f, Popular | Markov)}
    columns |= fitted.raw_inputs(spec, plan)
    if layout.states or spec.has_markov:
        columns[fitted.STATES] = layout.path

    over_events, combine = event_aggregates(plan)
    kinds = [kind for kind in _ENTITIES if kind in plan.kinds]
    # The first kind of entities also has a row for events without an entity, so its rows add up to the session.
    first_kind = f" FILTER (WHERE entity = '{kinds[0]}')" if kinds else ""
    totals = {name: f"{combined}{first_kind}" for name, combined in combine.items()}
    events = expand_prefixes(numbered) if layout.prefixes else numbered
    rows = aggregate(with_dwell(events), [*layout.keys, "item", "category"], over_events)
    if kinds:
        exploded = rows.selectExpr(*layout.keys, f"explode({_entities(kinds)}) AS e", *plan.events)
        rows = aggregate(
            exploded.where("e IS NOT NULL").select("e.*", *layout.keys, *plan.events),
            [*layout.keys, "entity", "item", "category"],
            combine,
        )
    sessions = aggregate(rows, layout.keys, {**totals, **plan.entities})
    return join_attributes(sessions, numbered).selectExpr(*layout.columns, *aliased(columns))


def apply_fitted(raw: DataFrame, spec: FeatureSpec) -> DataFrame:
    """Add the features that depend on fitted vocabularies and tables; their raw inputs stay."""
    columns = {f.name: fitted.value(f, spec) for f in spec.features if isinstance(f, Popular | Markov)}
    return raw.selectExpr("*", *aliased(columns)) if columns else raw


def number_events(
    events: DataFrame, carry: Mapping[str, str] | None = None, prefixes: Sequence[tuple[str, str]] = ()
) -> DataFrame:
    """Number the events of each session and add what features need from other events of the session.

    Each event gets its number, its time in milliseconds, its price in cents and the next event other than a page ping;
    the first event also gets the session's attributes. Missing items stay null.

    Args:
        events: as for `session_features`; existing numbers (`EVENT_ORDER_COLUMNS`) are used.
        carry: further columns of the session for `RowLayout.carry`, each with the SQL of the first event's value.
        prefixes: SQL of the session's prefixes for `expand_prefixes`, besides the whole session: the number of
            events in each, and the time of its last event in milliseconds. A null prefix, and one as long as another,
            is left out.
    """
    millis = "unix_millis(ts)"
    cents = "CASE WHEN abs(price) <= 1e9 THEN floor(price * 100 + 0.5D) END"
    attributes = {f"{_CARRY}{name}": sql for name, sql in (carry or {}).items()}
    attributes |= {f"first_{name}": name for name in _ATTRIBUTES}
    event = f"named_struct('number', {ORDER}, 'ms', {MILLIS}, 'kind', kind, 'page', page)"
    windows = {
        NEXT: f"lead(CASE WHEN kind <> 'page_ping' THEN {event} END) IGNORE NULLS {SO_FAR}",
        "length": f"CAST(count(1) {WHOLE_SESSION} AS INT)",
        "last_ms": f"max({MILLIS}) {WHOLE_SESSION}",
        fitted.STATES: f"collect_list({fitted.state_code()}) {WHOLE_SESSION}",
    }
    for n, (cut, end) in enumerate(prefixes, 1):
        windows |= {f"{_CUT}{n}": cut, f"{_END}{n}": end}
    ordered = events if ORDER in events.columns else events.selectExpr("*", *EVENT_ORDER_COLUMNS)
    # Narrow before the windows, which copy each row.
    narrow = ordered.selectExpr(
        *("session", "event_id", "ts", "kind", "page", "item", "category"),
        f"{cents} AS cents",
        "CAST(quantity AS BIGINT) AS quantity",
        *(ORDER, BEFORE),
        f"{millis} AS {MILLIS}",
        *aliased({name: f"CASE WHEN {ORDER} = 1 THEN {sql} END" for name, sql in attributes.items()}),
    )
    text = f"CASE WHEN {ORDER} = 1 THEN array_join(transform({fitted.STATES}, code -> char(code)), '') END"
    numbered = narrow.selectExpr("*", *aliased(windows)).withColumn(fitted.STATES, expr(text))
    return numbered.drop("event_id", "ts", BEFORE)


def expand_prefixes(numbered: DataFrame) -> DataFrame:
    """Repeat each event once for each prefix of its session that contains it; `cut` identifies the prefix.

    The next event and the session's last time are those within the prefix.
    """
    cuts = ["length", *(name for name in numbered.columns if name.startswith(_CUT))]
    ends = ["last_ms", *(name for name in numbered.columns if name.startswith(_END))]
    rows = [f"named_struct('cut', {cut}, 'ms', {end})" for cut, end in zip(cuts, ends, strict=True)]
    distinct = [f"if({cuts[n]} IN ({', '.join(cuts[:n])}), NULL, {row})" for n, row in enumerate(rows) if n]
    expanded = numbered.selectExpr("*", f"explode(array({', '.join([rows[0], *distinct])})) AS end")
    return expanded.where(f"{ORDER} <= end.cut").selectExpr(
        *(name for name in numbered.columns if name not in {NEXT, "last_ms"}),
        "end.cut AS cut",
        f"CASE WHEN {NEXT}.number <= end.cut THEN {NEXT} END AS {NEXT}",
        "end.ms AS last_ms",
    )


def join_attributes(rows: DataFrame, numbered: DataFrame) -> DataFrame:
    """Add to rows with a `session` the session's carried columns, attributes, states and length."""
    attributes = [
        name for name in numbered.columns if name.startswith((_CARRY, "first_")) or name in ("length", fitted.STATES)
    ]
    # Both sides are partitioned by session, and mostly sorted by it: a merge join moves nothing.
    return rows.join(numbered.where(f"{ORDER} = 1").select("session", *attributes).hint("merge"), "session")


def with_dwell(numbered: DataFrame) -> DataFrame:
    """Add each event's dwell: the time until the next event other than a page ping, or until the last event."""
    return numbered.selectExpr("*", f"coalesce({NEXT}.ms, last_ms) - {MILLIS} AS {DWELL}")


def event_aggregates(*plans: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """Return the plans' aggregates over events, and the aggregates that combine such results, by column."""
    entries = [entry for plan in plans for entry in plan.events.items()]
    return {name: first for name, (first, _) in entries}, {name: combined for name, (_, combined) in entries}


def aggregate(rows: DataFrame, keys: Sequence[str], aggregates: Mapping[str, str]) -> DataFrame:
    """Aggregate to one row per combination of keys."""
    # A spec of attributes alone requests no aggregate, but Spark needs one.
    columns = aggregates or {"n_rows": "count(1)"}
    return rows.groupBy(*keys).agg(*(expr(sql).alias(name) for name, sql in columns.items()))


def aliased(columns: Mapping[str, str]) -> list[str]:
    """Return a select list for `selectExpr` from column -> SQL."""
    return [f"{sql} AS {name}" for name, sql in columns.items()]


def _entities(kinds: Sequence[EntityKind]) -> str:
    """Return an array of the entities that a row (session, item, category) belongs to.

    The first kind is always present, the others are null where the row has no such entity.
    """
    structs = []
    for kind in kinds:
        item, category = _ENTITIES[kind]
        row = f"named_struct('entity', '{kind}', 'item', {item}, 'category', {category})"
        structs.append(row if kind == kinds[0] else f"CASE WHEN {HAS_ENTITY[kind]} THEN {row} END")
    return f"array({', '.join(structs)})"
