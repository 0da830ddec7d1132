"""What the features of a spec need to know of the events, each thing once.

The operations ask a `Plan` for aggregates and get back the name of a column that will hold it;
`leapline.features.compile` then computes all of them together. Everything is Spark SQL text: easy to read in a plan,
easy to compare, and never a Python call per row. There are two levels:

* **Session**: `add`, `last` aggregate over the session's events.
* **Entity**: `over` aggregates such aggregates of each item, each category or each item-category pair of a session
  once more to the session: how many items, the largest number of clicks, the sorted list of them.

A plan may also be that of a session-item pair: then `add` and `last` aggregate over the events in the features' scope,
and `whole` over all the session's.

All sums are of integers and all extremes are exact, so no result depends on the order in which Spark adds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from leapline.features.operations import _Filtered

EntityKind = Literal["item", "category", "item_category"]
KNOWN: dict[EntityKind, str] = {
    "item": "item IS NOT NULL",
    "category": "category IS NOT NULL",
    "item_category": "(item IS NOT NULL OR category IS NOT NULL)",
}
"""What an event has that belongs to an entity of a kind."""
# What one event carries besides its own columns: see `leapline.features.compile`.
ORDER, MILLIS, BEFORE = "event_number", "event_ms", "before_ms"
DWELL, NEXT = "event_dwell_ms", "next_event"


@dataclass
class Plan:
    """The aggregates asked for so far.

    Attributes:
        events: column -> (aggregate over events, aggregate that combines such results).
        entities: column -> aggregate over the rows of a session's entities.
        kinds: the kinds of entities that are needed at all.
        wholes: of a pair's plan, column -> the column of `events` whose value for the whole session it holds.
        prefix: what the columns' names begin with.
        of_pair: whether the plan is a pair's.
    """

    prefix: str = "a"
    of_pair: bool = False
    events: dict[str, tuple[str, str]] = field(default_factory=dict)
    entities: dict[str, str] = field(default_factory=dict)
    kinds: set[EntityKind] = field(default_factory=set)
    wholes: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, aggregate: Literal["sum", "min", "max", "bit_or"], value: str, where: str = "true") -> str:
        """Column of `aggregate` over `value` of the events where `where` holds; null if there are none."""
        name, new = self._name(f"{aggregate}|{value}|{where}")
        if new:
            self.events[name] = (f"{aggregate}({_when(where, value)})", f"{aggregate}({name})")
        return name

    def count(self, where: str = "true") -> str:
        """Column of the number of events where `where` holds; null or 0 if there are none."""
        return self.add("sum", "1L", where)

    def last(self, value: str, where: str) -> str:
        """Column of the last event's `value`, among those where it is not null and `where` holds."""
        where = both(where, f"{value} IS NOT NULL")
        order = self.add("max", ORDER, where)
        name, new = self._name(f"last|{value}|{where}")
        if new:
            self.events[name] = (f"max_by({value}, {_when(where, ORDER)})", f"max_by({name}, {order})")
        return name

    def over(self, kind: EntityKind, aggregate: str, where: str) -> str:
        """Column of `aggregate`, an expression with one `{}` for the condition under which an entity's row counts."""
        self.kinds.add(kind)
        name, new = self._name(f"{kind}|{aggregate}|{where}")
        if new:
            self.entities[name] = aggregate.format(both(f"entity = '{kind}'", KNOWN[kind], where))
        return name

    def whole(self, column: str) -> str:
        """A column of `add` or `count`, over all the session's events whatever the features' scope."""
        if not self.of_pair:
            return column
        self.wholes[f"whole_{column}"] = column
        return f"whole_{column}"

    def _name(self, key: str) -> tuple[str, bool]:
        new = key not in self._names
        return self._names.setdefault(key, f"{self.prefix}{len(self._names)}"), new


def where(chosen: _Filtered, *more: str) -> str:
    """The operation's filter as a condition on an event. Kinds and pages are words of the spec's own lists: nothing
    to escape."""
    return both(one_of("kind", chosen.kinds), one_of("page", chosen.pages), *more)


def one_of(column: str, values: Sequence[str] | None) -> str:
    """The condition that a column has one of the values; none means any."""
    return "true" if values is None else f"{column} IN ({', '.join(repr(v) for v in sorted(set(values)))})"


def both(*tests: str) -> str:
    """The condition that all of these hold."""
    return " AND ".join(test for test in tests if test != "true") or "true"


def _when(where: str, value: str) -> str:
    return value if where == "true" else f"CASE WHEN {where} THEN {value} END"
