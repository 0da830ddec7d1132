"""Compilation of the event mapping to Spark columns and SQL."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import reduce
from typing import Any, Final, Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.events.mapping import (
    ColumnTest,
    Condition,
    EntityTest,
    FirstOf,
    FromColumn,
    FromEntity,
    FromEvent,
    IdentitySource,
    Mapping,
    Matches,
    Products,
    Rule,
    Source,
    alternatives,
)
from leapline.events.sql_text import literal

NO_CURRENCY: Final = "XXX"
"""ISO 4217's code for "no currency"."""
PRODUCT: Final = "struct<item:string,category:string,price:double,quantity:int,currency:string>"
_MORE: Final = "struct<kind:string,item:string,category:string,price:double,quantity:int>"
_NOTHING: Final = "CAST(NULL AS STRING)"
_NO_ID: Final = r"^([0-]*|\\n|\(?null\)?|none|nil|undefined|nan|n/a)$"
"""Texts in lower case that trackers and exports write in place of a missing id, such as the all-zero UUID."""
_TESTED: Final[tuple[Literal["consent", "bot"], ...]] = ("consent", "bot")
_WITH_PAGE: Final = ("page_view", "item_view")


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


def entities(contexts: Column, fields: list[str]) -> Column:
    """Parse the entities of a JSON column; null where there is none.

    Returns:
        `array<struct<schema:string, data:struct<each field:string>>>`.
    """
    data = ",".join(f"`{name}`:string" for name in fields)
    parsed = F.from_json(contexts, f"data array<struct<schema:string,data:struct<{data}>>>")
    return F.when(contexts.isNotNull(), parsed["data"])


def entity_fields(mapping: Mapping) -> list[str]:
    """Return the fields of entities in `contexts` that a mapping reads."""
    named = {test.field for test in mapping.entity_tests("consent")} | {
        s.field for s in _sources(mapping) if isinstance(s, FromEntity)
    }
    for products in (r.products for r in mapping.rules if r.products):
        named |= {products.item, products.category, products.price, products.quantity, products.currency}
    return sorted(named)


def has_entity(parsed: Column, tests: Iterable[EntityTest]) -> Column:
    """Return whether one of the parsed entities passes one of the tests; false for null."""

    def fits(test: EntityTest) -> Column:
        return F.exists(parsed, lambda e: _is(e, test.entity) & e["data"][test.field].isin(*test.values))

    return _any(F.coalesce(fits(test), F.lit(False)) for test in tests)


def may_have_entity(column: str, tests: Iterable[EntityTest]) -> Column:
    """Return whether a JSON column's text can contain such an entity, so that most lines need no parsing."""
    text = F.col(column)
    return _any(text.contains(test.entity) & _any(map(text.contains, test.values)) for test in tests)


def has_value(tests: Iterable[ColumnTest]) -> Column:
    """Return whether one of the columns has one of its values; false for null."""
    return _any(F.coalesce(F.col(test.column).isin(*test.values), F.lit(False)) for test in tests)


def identity_sql(identity: tuple[str, ...] | FirstOf) -> str:
    """Return SQL for an id: the first alternative whose sources all have a value, joined by colons; else null."""
    return f"coalesce({', '.join(_combined(sources) for sources in alternatives(identity))}, {_NOTHING})"


def _combined(sources: tuple[IdentitySource, ...]) -> str:
    ids = [id_sql(_value(source)) for source in sources]
    complete = " AND ".join(f"{value} IS NOT NULL" for value in ids)
    return f"CASE WHEN {complete} THEN concat_ws(':', {', '.join(ids)}) END"


def id_sql(value: str) -> str:
    """Return SQL for an id, null where it only stands for a missing one: `null` in any case, zeros, and the like."""
    return f"CASE WHEN NOT lower(trim({value})) RLIKE {literal(_NO_ID)} THEN {value} END"


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda a, b: a | b, conditions, F.lit(False))


def any_of(tests: dict[str, list[str]]) -> Column:
    """Return whether one of some columns has one of its values; false for null."""
    return _any(F.coalesce(F.col(name).isin(values), F.lit(False)) for name, values in sorted(tests.items()))


def with_kinds(frame: DataFrame, mapping: Mapping, event_data: str) -> DataFrame:
    """Add `kind, page, item, category, price, quantity, currency, order`, and `more`: the rows of further products.

    Requires the columns of `columns_of` and the parsed `entities`.

    Args:
        frame: events.
        mapping: the site's mapping.
        event_data: SQL of the fields of self-describing events.
    """
    # SQL text instead of column objects: a mapping needs thousands of them, and each is a call to the JVM.
    rules = mapping.rules
    kind = f"coalesce({_by_rule(rules, lambda r: r.kind, literal)}, 'other') AS kind"
    products = f"{_by_rule(rules, _listed, _products, f'array<{PRODUCT}>')} AS products"
    page = f"CASE WHEN kind IN ({_literals(_WITH_PAGE)}) THEN {_page(mapping)} END AS page"
    own_values = f"{_by_rule(rules, _own_sources, _own, PRODUCT)} AS own"
    more = f"CAST({_more(rules)} AS array<{_MORE}>) AS more"
    mapped = frame.selectExpr("*", f"{event_data} AS event_data")
    mapped = mapped.selectExpr("*", f"{_first_match(rules)} AS rule")
    mapped = mapped.selectExpr("*", kind, products).selectExpr("*", page, own_values, more)
    values = [f"own.{name} AS {name}" for name in ("item", "category", "price", "quantity")]
    values.append(f"{_currency('upper(coalesce(own.currency, get(products, 0).currency))')} AS currency")
    values.append(f"{id_sql(_by_rule(rules, lambda r: r.order, _value))} AS `order`")
    return mapped.selectExpr("*", *values).drop("own", "products", "event_data", "rule")


def _currency(text: str) -> str:
    """Return SQL for a currency's code. The counts of a day name currencies, so any other text is `NO_CURRENCY`."""
    return f"CASE WHEN {text} RLIKE '^[A-Z]{{3}}$' THEN {text} WHEN {text} IS NOT NULL THEN '{NO_CURRENCY}' END"


def _sources(mapping: Mapping) -> Iterator[Source]:
    for rule in mapping.rules:
        yield from (condition.source for condition in rule.when)
        values = (rule.item, rule.category, rule.price, rule.quantity, rule.order)
        amounts = (rule.base_price, rule.currency, rule.base_currency)
        yield from (s for s in (*values, *amounts) if s is not None)
    for identity in (mapping.session, mapping.visitor):
        yield from (source for sources in alternatives(identity) for source in sources)


def event_data(mapping: Mapping) -> str:
    """Return SQL of the fields of the self-describing event that a mapping reads, parsed from its JSON column."""
    fields = event_fields(mapping)
    if not fields:
        return "NULL"
    data = ",".join(f"`{name}`:string" for name in fields)
    parsed = f"from_json(unstruct_event, 'data struct<data:struct<{data}>>').data.data"
    return f"CASE WHEN unstruct_event IS NOT NULL THEN {parsed} END"


def _value(source: Source | None) -> str:
    match source:
        case None:
            return _NOTHING
        case FromColumn(column=name, pattern=pattern):
            return f"nullif(regexp_extract(`{name}`, {literal(pattern)}, 1), '')"
        case FromEvent(event=field):
            return f"event_data.`{field}`"
        case FromEntity(entity=name, field=field):
            return f"get(filter(entities, e -> {_is_named(name)}), 0).data.`{field}`"
        case _:
            return f"`{source}`"


def _is(entity: Column, name: str) -> Column:
    return entity["schema"].startswith(_schemas_of(name))


def _is_named(name: str) -> str:
    return f"startswith(e.schema, {literal(_schemas_of(name))})"


def _schemas_of(name: str) -> str:
    return f"iglu:{name}/"


def _condition(condition: Condition) -> str:
    value = _value(condition.source)
    if isinstance(condition.is_, Matches):
        return f"{value} RLIKE {literal(condition.is_.pattern)}"
    return f"{value} IN ({_literals(condition.is_)})"


def _first_match(rules: list[Rule]) -> str:
    tests = (" AND ".join(map(_condition, rule.when)) for rule in rules)
    return f"CASE {' '.join(f'WHEN {test} THEN {number}' for number, test in enumerate(tests))} END"


def _by_rule(rules: list[Rule], key: Callable[[Rule], Any], value: Callable[[Any], str], type_: str = "string") -> str:
    """Return a CASE over the rules: `value` of each rule's `key`, null without a key. Equal keys share a branch."""
    numbers: dict[Hashable, list[str]] = {}
    for number, rule in enumerate(rules):
        if (rule_key := key(rule)) is not None:
            numbers.setdefault(rule_key, []).append(str(number))
    branches = (f"WHEN rule IN ({', '.join(which)}) THEN {value(item)}" for item, which in numbers.items())
    return f"CASE {' '.join(branches)} END" if numbers else f"CAST(NULL AS {type_})"


_FIRST: Final = "first product"


def _own_sources(rule: Rule) -> Hashable:
    """Return the sources of item, category, price and quantity of an event's own row."""
    if rule.products and not rule.products.kind:
        return _FIRST
    sources = (rule.item, rule.category, rule.price, rule.quantity)
    amounts = (rule.base_price, rule.currency, rule.base_currency)
    return (sources, amounts) if any(sources) or any(amounts) else None


def _own(sources: Any) -> str:
    if sources == _FIRST:
        return "get(products, 0)"
    (item, category, price, quantity), amounts = sources
    base, currency, base_currency = map(_value, amounts)
    has_base = f"try_cast({base} AS double) IS NOT NULL"
    amount, unit = _value(price), currency
    if amounts[0]:
        amount = f"CASE WHEN {has_base} THEN {base} ELSE {amount} END"
        unit = f"CASE WHEN {has_base} THEN {base_currency} ELSE {currency} END"
    return _product(_value(item), _value(category), amount, _value(quantity), unit)


def _listed(rule: Rule) -> Products | None:
    return rule.products and rule.products.model_copy(update={"kind": None})


def _products(products: Products) -> str:
    names = (products.item, products.category, products.price, products.quantity, products.currency)
    matching = f"filter(entities, e -> {_is_named(products.entity)})"
    return f"transform({matching}, e -> {_product(*(f'e.data.`{name}`' for name in names))})"


def _product(item: str, category: str, price: str, quantity: str, currency: str) -> str:
    amount = f"try_cast({price} AS double)"
    return (
        f"named_struct('item', {_text(item)}, 'category', {_text(category)}, "
        f"'price', CASE WHEN abs({amount}) < 1e12D THEN {amount} END, "
        f"'quantity', try_cast(try_cast({quantity} AS double) AS int), 'currency', {_text(currency)})"
    )


def _text(value: str) -> str:
    return f"CASE WHEN trim({value}) <> '' THEN trim(substring(trim({value}), 1, 200)) END"


def _page(mapping: Mapping) -> str:
    by_rule = _by_rule(mapping.rules, lambda r: r.page, literal)
    pages = ((literal(page.path), literal(page.page)) for page in mapping.pages)
    by_path = " ".join(f"WHEN coalesce(page_urlpath, '') RLIKE {path} THEN {page}" for path, page in pages)
    return f"coalesce({by_rule}, {f'CASE {by_path} END' if by_path else _NOTHING}, 'other')"


def _more(rules: list[Rule]) -> str:
    """Return SQL for the rows of further products, null where there are none."""
    own_rows = _by_rule(rules, lambda r: None if r.products is None else int(r.products.kind is None), str, "int")
    kind = f"coalesce({_by_rule(rules, lambda r: r.products and r.products.kind, literal)}, kind)"
    values = ", ".join(f"'{name}', p.{name}" for name in ("item", "category", "price", "quantity"))
    further = f"slice(products, {own_rows} + 1, size(products))"
    rows = f"transform({further}, p -> named_struct('kind', {kind}, {values}))"
    return f"CASE WHEN size(products) > {own_rows} THEN {rows} END"


def _literals(texts: Iterable[str]) -> str:
    return ", ".join(map(literal, texts))
