"""What cleaning reads of an event with a site's mapping."""

from collections.abc import Iterator
from typing import Final, Literal

from leapline.events.mapping import FromColumn, FromEntity, FromEvent, Mapping, Source, alternatives
from leapline.snowplow.enriched import FIELDS
from leapline.sources.source import EventReads

USUAL_WIDTHS: Final = range(len(FIELDS), len(FIELDS) + 1)
"""The number of columns of an enriched event."""

ALWAYS_NEEDED: Final = (
    "event_id",
    "event_fingerprint",
    "domain_sessionidx",
    "dvce_type",
    "refr_medium",
    "derived_contexts",
    "collector_tstamp",
    "derived_tstamp",
)
_TESTED: Final[tuple[Literal["consent", "bot"], ...]] = ("consent", "bot")


def reads_of(mapping: Mapping) -> EventReads:
    """Return what cleaning reads of an event with a mapping."""
    fields = {*entity_fields(mapping), *(test.field for test in mapping.entity_tests("bot"))}
    return EventReads(
        frozenset(columns_of(mapping) | {*ALWAYS_NEEDED}),
        frozenset(entity_names(mapping)),
        tuple(sorted(fields)),
        tuple(event_fields(mapping)),
        frozenset(columns_named(mapping)),
    )


def columns_of(mapping: Mapping) -> set[str]:
    """Return the columns of the enriched event that a mapping reads, including the JSON columns it looks into."""
    return columns_named(mapping) | {"contexts"} | ({"unstruct_event"} if event_fields(mapping) else set())


def columns_named(mapping: Mapping) -> set[str]:
    """Return the columns of the enriched event whose text a mapping reads."""
    named = {s if isinstance(s, str) else s.column for s in _sources(mapping) if isinstance(s, str | FromColumn)}
    named |= {*mapping.internal, *mapping.bot_columns, "page_urlpath"}
    return named | {test.column for which in _TESTED for test in mapping.column_tests(which)}


def event_fields(mapping: Mapping) -> list[str]:
    """Return the fields of self-describing events that a mapping reads."""
    return sorted({s.event for s in _sources(mapping) if isinstance(s, FromEvent)})


def entity_names(mapping: Mapping) -> set[str]:
    """Return the entities, as vendor/name, that a mapping reads."""
    named = {test.entity for which in _TESTED for test in mapping.entity_tests(which)}
    named |= {s.entity for s in _sources(mapping) if isinstance(s, FromEntity)}
    return named | {rule.products.entity for rule in mapping.rules if rule.products}


def entity_fields(mapping: Mapping) -> list[str]:
    """Return the fields of entities in `contexts` that a mapping reads."""
    named = {test.field for test in mapping.entity_tests("consent")} | {
        s.field for s in _sources(mapping) if isinstance(s, FromEntity)
    }
    for products in (r.products for r in mapping.rules if r.products):
        named |= {products.item, products.category, products.price, products.quantity, products.currency}
    return sorted(named)


def _sources(mapping: Mapping) -> Iterator[Source]:
    for rule in mapping.rules:
        yield from (condition.source for condition in rule.when)
        values = (rule.item, rule.category, rule.price, rule.quantity, rule.order)
        amounts = (rule.base_price, rule.currency, rule.base_currency)
        yield from (s for s in (*values, *amounts) if s is not None)
    for identity in (mapping.session, mapping.visitor):
        yield from (source for sources in alternatives(identity) for source in sources)
