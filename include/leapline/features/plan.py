"""The aggregates that the features of a spec need, each computed once.

An operation requests aggregates from a `Plan`, which returns the names of the columns that will hold them;
`leapline.features.compile` computes all of them together. Everything is Spark SQL text: readable in a query plan, easy
to compare, and without a Python call per row. There are two levels:

* **Session**: `add` and `last` aggregate over the session's events.
* **Entity**: `over` aggregates the aggregates of each item, each category or each item-category pair once more over
  the session: the number of items, the largest number of clicks, the sorted list of them.

In the plan of a session-item pair, `add` and `last` aggregate over the events in the features' scope, and `whole` over
all events of the session.

All sums are sums of integers and all extremes are exact, so no result depends on the order in which Spark adds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from leapline.features.operations import _Filtered

EntityKind = Literal["item", "category", "item_category"]
HAS_ENTITY: dict[EntityKind, str] = {
    "item": "item IS NOT NULL",
    "category": "category IS NOT NULL",
    "item_category": "(item IS NOT NULL OR category IS NOT NULL)",
}
"""Kind of entity -> SQL condition under which an event belongs to an entity of that kind."""
# Columns that `leapline.features.compile` adds to each event.
ORDER, MILLIS, BEFORE = "event_number", "event_ms", "before_ms"
DWELL, NEXT = "event_dwell_ms", "next_event"


@dataclass
class Plan:
    """The aggregates requested so far.

    Attributes:
        events: column -> (aggregate over events, aggregate that combines such results).
        entities: column -> aggregate over the rows of a session's entities.
        kinds: the kinds of entities that are requested at all.
        wholes: for a pair's plan, column -> the column of `events` whose value over the whole session it holds.
        prefix: prefix of the columns' names.
        of_pair: whether the rows of the plan are session-item pairs.
    """

    prefix: str = "a"
    of_pair: bool = False
    events: dict[str, tuple[str, str]] = field(default_factory=dict)
    entities: dict[str, str] = field(default_factory=dict)
    kinds: set[EntityKind] = field(default_factory=set)
    wholes: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, aggregate: Literal["sum", "min", "max", "bit_or"], value: str, where: str = "true") -> str:
        """Return the column with `aggregate` over `value` of the events that match `where`; null if none does."""
        name, new = self._name(f"{aggregate}|{value}|{where}")
        if new:
            self.events[name] = (f"{aggregate}({_when(where, value)})", f"{aggregate}({name})")
        return name

    def count(self, where: str = "true") -> str:
        """Return the column with the number of events that match `where`; null or 0 if none does."""
        return self.add("sum", "1L", where)

    def last(self, value: str, where: str) -> str:
        """Return the column with `value` of the last event that matches `where` and has a value."""
        where = all_of(where, f"{value} IS NOT NULL")
        order = self.add("max", ORDER, where)
        name, new = self._name(f"last|{value}|{where}")
        if new:
            self.events[name] = (f"max_by({value}, {_when(where, ORDER)})", f"max_by({name}, {order})")
        return name

    def over(self, kind: EntityKind, aggregate: str, where: str) -> str:
        """Return the column with an aggregate over the session's entities of a kind.

        Args:
            kind: of entity.
            aggregate: SQL with one `{}`, which is replaced by the condition under which an entity's row counts.
            where: further condition on an entity's row.
        """
        self.kinds.add(kind)
        name, new = self._name(f"{kind}|{aggregate}|{where}")
        if new:
            self.entities[name] = aggregate.format(all_of(f"entity = '{kind}'", HAS_ENTITY[kind], where))
        return name

    def whole(self, column: str) -> str:
        """Return the column with the value of `column` (from `add` or `count`) over all events of the session."""
        if not self.of_pair:
            return column
        self.wholes[f"whole_{column}"] = column
        return f"whole_{column}"

    def _name(self, key: str) -> tuple[str, bool]:
        new = key not in self._names
        return self._names.setdefault(key, f"{self.prefix}{len(self._names)}"), new


def where(chosen: _Filtered, *more: str) -> str:
    """Return the operation's filter as a condition on an event.

    Kinds and pages are literals of the spec's own types, so nothing has to be escaped.
    """
    return all_of(in_list("kind", chosen.kinds), in_list("page", chosen.pages), *more)


def in_list(column: str, values: Sequence[str] | None) -> str:
    """Return the condition that a column has one of the values; `None` allows any value."""
    return "true" if values is None else f"{column} IN ({', '.join(repr(v) for v in sorted(set(values)))})"


def all_of(*conditions: str) -> str:
    """Return the conjunction of the conditions."""
    return " AND ".join(condition for condition in conditions if condition != "true") or "true"


def _when(where: str, value: str) -> str:
    return value if where == "true" else f"CASE WHEN {where} THEN {value} END"
