"""The mapping, compiled to Spark columns."""

from collections.abc import Callable, Hashable, Iterator
from functools import reduce
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.events.mapping import (
    Condition,
    EntityTest,
    FromColumn,
    FromEntity,
    FromEvent,
    Mapping,
    Matches,
    Products,
    Rule,
    Source,
)

PRODUCT: Final = "struct<item:string,category:string,price:double,quantity:int>"
_MORE: Final = "struct<kind:string,item:string,category:string,price:double,quantity:int>"
_WITH_PAGE: Final = ("page_view", "item_view")


def columns_of(mapping: Mapping) -> set[str]:
    """The columns of the enriched event that a mapping reads; the JSON ones where it looks into them."""
    sources = list(_sources(mapping))
    named = {s if isinstance(s, str) else s.column for s in sources if isinstance(s, str | FromColumn)}
    named |= {*mapping.session, *mapping.visitor, *mapping.internal, *mapping.bot_columns, "page_urlpath"}
    return named | {"contexts"} | ({"unstruct_event"} if any(isinstance(s, FromEvent) for s in sources) else set())


def entities(contexts: Column, fields: list[str]) -> Column:
    """The entities of a JSON column, null where there is none.

    Returns:
        `array<struct<schema:string, data:struct<each field:string>>>`.
    """
    data = ",".join(f"`{name}`:string" for name in fields)
    parsed = F.from_json(contexts, f"data array<struct<schema:string,data:struct<{data}>>>")
    return F.when(contexts.isNotNull(), parsed["data"])


def entity_fields(mapping: Mapping) -> list[str]:
    """The fields of entities in `contexts` that a mapping reads."""
    named = {mapping.consent.field} | {s.field for s in _sources(mapping) if isinstance(s, FromEntity)}
    for products in (r.products for r in mapping.rules if r.products):
        named |= {products.item, products.category, products.price, products.quantity}
    return sorted(named)


def has_entity(found: Column, test: EntityTest) -> Column:
    """Whether there is an entity as the test wants it; false where nothing is known."""
    fits = F.exists(found, lambda e: _is(e, test.entity) & e["data"][test.field].isin(*test.values))
    return F.coalesce(fits, F.lit(False))


def may_have_entity(column: str, test: EntityTest) -> Column:
    """Whether a JSON column's text can hold such an entity at all; spares most lines the parsing."""
    texts = (F.col(column).contains(value) for value in test.values)
    return F.col(column).contains(test.entity) & reduce(lambda a, b: a | b, texts)


def any_of(tests: dict[str, list[str]]) -> Column:
    """Whether one of some columns has one of its values; false for null."""
    hits = (F.coalesce(F.col(name).isin(values), F.lit(False)) for name, values in sorted(tests.items()))
    return reduce(lambda a, b: a | b, hits, F.lit(False))


def with_kinds(frame: DataFrame, mapping: Mapping) -> DataFrame:
    """Add `kind, page, item, category, price, quantity`, and `more`: the rows of an event's further products.

    Needs the columns of `columns_of` and, parsed, `entities`.
    """
    rules = mapping.rules
    frame = frame.withColumn("event_data", _event_data(mapping))
    frame = frame.withColumn("rule", _first_that_fits(rules))
    frame = frame.withColumns(
        {
            "kind": F.coalesce(_by_rule(rules, lambda r: r.kind, F.lit), F.lit("other")),
            "products": _by_rule(rules, _listed, _products, f"array<{PRODUCT}>"),
        }
    )
    frame = frame.withColumns(
        {
            "page": F.when(F.col("kind").isin(*_WITH_PAGE), _page(mapping)),
            "own": _by_rule(rules, _own_sources, _own, PRODUCT),
            "more": _more(rules).cast(f"array<{_MORE}>"),
        }
    )
    values = {name: F.col("own")[name] for name in ("item", "category", "price", "quantity")}
    return frame.withColumns(values).drop("own", "products", "event_data", "rule")


def _sources(mapping: Mapping) -> Iterator[Source]:
    for rule in mapping.rules:
        yield from (condition.source for condition in rule.when)
        yield from (s for s in (rule.item, rule.category, rule.price, rule.quantity) if s is not None)


def _event_data(mapping: Mapping) -> Column:
    fields = sorted({s.event for s in _sources(mapping) if isinstance(s, FromEvent)})
    if not fields:
        return F.lit(None)
    data = ",".join(f"`{name}`:string" for name in fields)
    parsed = F.from_json(F.col("unstruct_event"), f"data struct<data:struct<{data}>>")
    return F.when(F.col("unstruct_event").isNotNull(), parsed["data"]["data"])


def _value(source: Source | None) -> Column:
    match source:
        case None:
            return F.lit(None).cast("string")
        case FromColumn(column=name, pattern=pattern):
            return F.nullif(F.regexp_extract(name, pattern, 1), F.lit(""))
        case FromEvent(event=field):
            return F.col("event_data")[field]
        case FromEntity(entity=name, field=field):
            return F.get(F.filter("entities", lambda e: _is(e, name)), F.lit(0))["data"][field]
        case _:
            return F.col(source)


def _is(entity: Column, name: str) -> Column:
    return entity["schema"].startswith(f"iglu:{name}/")


def _fits(condition: Condition) -> Column:
    value = _value(condition.source)
    if isinstance(condition.is_, Matches):
        return value.rlike(condition.is_.pattern)
    return value.isin(*condition.is_)


def _first_that_fits(rules: list[Rule]) -> Column:
    tests = [reduce(lambda a, b: a & b, map(_fits, rule.when)) for rule in rules]
    chain = F.when(tests[0], 0)
    for number, test in enumerate(tests[1:], 1):
        chain = chain.when(test, number)
    return chain


def _by_rule(
    rules: list[Rule], key: Callable[[Rule], Any], value: Callable[[Any], Column], type_: str = "string"
) -> Column:
    """One value a rule, by what the rule says; null for rules that say nothing. Equal ones share a branch."""
    numbers: dict[Hashable, list[int]] = {}
    for number, rule in enumerate(rules):
        if (said := key(rule)) is not None:
            numbers.setdefault(said, []).append(number)
    chain = F.when(F.lit(False), F.lit(None).cast(type_))
    for said, which in numbers.items():
        chain = chain.when(F.col("rule").isin(which), value(said))
    return chain


_FIRST: Final = "first product"


def _own_sources(rule: Rule) -> Hashable:
    """Where the item, category, price and quantity of an event's own row come from."""
    if rule.products and not rule.products.kind:
        return _FIRST
    sources = (rule.item, rule.category, rule.price, rule.quantity)
    return sources if any(sources) else None


def _own(sources: Any) -> Column:
    return F.get("products", F.lit(0)) if sources == _FIRST else _product(*map(_value, sources))


def _listed(rule: Rule) -> Products | None:
    return rule.products and rule.products.model_copy(update={"kind": None})


def _products(products: Products) -> Column:
    names = (products.item, products.category, products.price, products.quantity)
    return F.transform(
        F.filter("entities", lambda e: _is(e, products.entity)),
        lambda e: _product(*(e["data"][name] for name in names)),
    )


def _product(item: Column, category: Column, price: Column, quantity: Column) -> Column:
    amount = price.try_cast("double")
    return F.struct(
        _text(item).alias("item"),
        _text(category).alias("category"),
        F.when(F.abs(amount) < 1e12, amount).alias("price"),
        quantity.try_cast("double").try_cast("int").alias("quantity"),
    )


def _text(value: Column) -> Column:
    trimmed = F.trim(value)
    return F.when(trimmed != "", F.trim(F.substring(trimmed, 1, 200)))


def _page(mapping: Mapping) -> Column:
    said = _by_rule(mapping.rules, lambda r: r.page, F.lit)
    path = F.coalesce("page_urlpath", F.lit(""))
    by_path = F.when(F.lit(False), F.lit(None).cast("string"))
    for page in mapping.pages:
        by_path = by_path.when(path.rlike(page.path), F.lit(page.page))
    return F.coalesce(said, by_path, F.lit("other"))


def _more(rules: list[Rule]) -> Column:
    """Rows beyond an event's own, null where there are none."""
    own_rows = _by_rule(rules, lambda r: None if r.products is None else int(r.products.kind is None), F.lit, "int")
    kind = F.coalesce(_by_rule(rules, lambda r: r.products and r.products.kind, F.lit), F.col("kind"))
    further = F.slice("products", own_rows + 1, F.size("products"))
    rows = F.transform(
        further, lambda p: F.struct(kind.alias("kind"), p["item"], p["category"], p["price"], p["quantity"])
    )
    return F.when(F.size("products") > own_rows, rows)
