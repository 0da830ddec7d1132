"""Each operation as a Spark SQL expression over the aggregates that it requests from the plan.

`leapline.features.operations` defines the operations; a new operation needs a model there and a function here.
"""

from functools import singledispatch

from leapline.features import operations as ops
from leapline.features.plan import DWELL, HAS_ENTITY, MILLIS, NEXT, ORDER, EntityKind, Plan, all_of, in_list, where

# Days since 1970-01-01, a Thursday, as a date: calendar parts that do not depend on the session's time zone.
_DATE = "date_from_unix_date(CAST({ms} DIV 86400000 - CASE WHEN {ms} % 86400000 < 0 THEN 1 ELSE 0 END AS INT))"
_HOUR = "pmod({ms}, 86400000L) DIV 3600000"
_PARTS = {
    "month": f"month({_DATE})",
    "day": f"day({_DATE})",
    "hour": _HOUR,
    "minute": "pmod({ms}, 3600000L) DIV 60000",
    "second": "pmod({ms}, 60000L) DIV 1000",
    "second_of_day": "pmod({ms}, 86400000L) DIV 1000",
    "weekday": f"weekday({_DATE})",
    "month_day": f"date_format({_DATE}, 'MM-dd')",
    "month_day_hour": f"concat(date_format({_DATE}, 'MM-dd-'), lpad(CAST({_HOUR} AS STRING), 2, '0'))",
}
# Multiplied as doubles first: an amount above the limit may not fit into a 64-bit integer.
_FITS = "abs(CAST(cents AS DOUBLE) * coalesce(quantity, 1L)) <= 1e11D"
_AMOUNT = f"CASE WHEN {_FITS} THEN cents * coalesce(quantity, 1L) END"
_VALUES = {"price": ("cents", 100), "quantity": ("quantity", 1), "amount": (_AMOUNT, 100)}


@singledispatch
def expression(feature: ops._Operation, plan: Plan) -> str:
    """Return SQL for the feature's value of a session or a pair: a double, or a string for a category; never null.

    Fitted features (`leapline.features.fitted`) have no expression here: they follow in a second step.
    """
    raise TypeError(f"no expression for {type(feature).__name__}")  # every operation below is registered: tested


@expression.register
def _(feature: ops.Count, plan: Plan) -> str:
    return _number(plan.count(where(feature)))


@expression.register
def _(feature: ops.Relative, plan: Plan) -> str:
    chosen = where(feature)
    part = plan.count(chosen) if feature.by == "clicks" else plan.add("sum", DWELL, chosen)
    return _number(_ratio(f"coalesce({part}, 0L)", plan.whole(part)), feature.missing)


@expression.register
def _(feature: ops.PairItem, plan: Plan) -> str:
    return "item"


@expression.register
def _(feature: ops.CountDistinct, plan: Plan) -> str:
    if feature.of == "page":
        bits = " ".join(f"WHEN '{page}' THEN {1 << i}" for i, page in enumerate((*ops.PAGES, "checkout", "thanks")))
        page_bits = plan.add("bit_or", f"CASE page {bits} ELSE 0 END", where(feature, "page IS NOT NULL"))
        return _number(f"bit_count({page_bits})")
    return _number(_distinct(feature.of, feature, plan))


@expression.register
def _(feature: ops.Repeats, plan: Plan) -> str:
    events = plan.count(where(feature, HAS_ENTITY[feature.of]))
    return _number(f"{events} - {_distinct(feature.of, feature, plan)}")


@expression.register
def _(feature: ops.Fraction, plan: Plan) -> str:
    among = in_list("kind", feature.among)
    part, total = plan.count(where(feature, among)), plan.count(among)
    return _number(_ratio(f"coalesce({part}, 0L)", total), feature.missing)


@expression.register
def _(feature: ops.Followed, plan: Plan) -> str:
    following = all_of(in_list(f"{NEXT}.kind", feature.next_kinds), in_list(f"{NEXT}.page", feature.next_pages))
    test = f"coalesce({following} AND {NEXT} IS NOT NULL, false)"
    return _number(plan.count(where(feature, f"NOT {test}" if feature.negate else test)))


@expression.register
def _(feature: ops.Span, plan: Plan) -> str:
    first, last = (plan.add(extreme, MILLIS, where(feature)) for extreme in ("min", "max"))
    return _number(_ratio(f"{last} - {first}", "1000"))


@expression.register
def _(feature: ops.Since, plan: Plan) -> str:
    end, chosen = plan.whole(plan.add("max", MILLIS)), plan.add("max", MILLIS, where(feature))
    return _number(_ratio(f"{end} - {chosen}", "1000"), feature.missing)


@expression.register
def _(feature: ops.TimePart, plan: Plan) -> str:
    moment = plan.add("min" if feature.at == "first" else "max", MILLIS, where(feature))
    part = _PARTS[feature.part].format(ms=moment)
    return _category(f"CAST({part} AS STRING)") if feature.categorical else _number(part, feature.missing)


@expression.register
def _(feature: ops.Value, plan: Plan) -> str:
    value, scale = _VALUES[feature.of]
    chosen = where(feature, f"{value} IS NOT NULL")
    if feature.op == "mean":
        total, number = plan.add("sum", value, chosen), plan.count(chosen)
        return _number(_ratio(total, f"({scale} * {number})"), feature.missing)
    column = plan.last(value, where(feature)) if feature.op == "last" else plan.add(feature.op, value, chosen)
    return _number(_ratio(column, str(scale)), feature.missing)


@expression.register
def _(feature: ops.CartValue, plan: Plan) -> str:
    amount, scale = _VALUES["amount"]
    added, removed = (plan.add("sum", amount, f"kind = '{kind}'") for kind in ("cart_add", "cart_remove"))
    return _number(_ratio(f"(coalesce({added}, 0L) - coalesce({removed}, 0L))", str(scale)))


@expression.register
def _(feature: ops.Dwell, plan: Plan) -> str:
    chosen = where(feature)
    if feature.stat == "max":
        return _number(_ratio(plan.add("max", DWELL, chosen), "1000"), feature.missing)
    total = plan.add("sum", DWELL, chosen)
    parts = "1000" if feature.stat == "total" else f"(1000 * {plan.count(chosen)})"
    return _number(_ratio(total, parts), feature.missing)


@expression.register
def _(feature: ops.TopK, plan: Plan) -> str:
    clicks, dwell, first, _ = _entity(feature, plan)
    if (feature.by, feature.give) in (("clicks", "clicks"), ("dwell", "seconds")):
        # Ties need not be resolved: the value is the same.
        largest = _largest(feature, clicks if feature.by == "clicks" else dwell, f"{clicks} > 0", plan)
        return _number(largest if feature.by == "clicks" else _ratio(largest, "1000"), feature.missing)
    cents = plan.last("cents", where(feature, HAS_ENTITY[feature.of]))
    rank = f"-{clicks}, -{dwell}" if feature.by == "clicks" else f"-{dwell}, -{clicks}"
    row = f"struct({rank}, {first}, {clicks} AS clicks, {dwell} AS dwell, {cents} AS cents, {feature.of} AS id)"
    ranked = plan.over(feature.of, f"sort_array(collect_list(CASE WHEN {{}} THEN {row} END))", f"{clicks} > 0")
    top = f"get({ranked}, {feature.k - 1})"
    if feature.give == "id":
        return _category(f"{top}.id")
    values = {
        "clicks": f"{top}.clicks",
        "seconds": _ratio(f"{top}.dwell", "1000"),
        "price": _ratio(f"{top}.cents", "100"),
    }
    return _number(values[feature.give], feature.missing)


@expression.register
def _(feature: ops.Share, plan: Plan) -> str:
    clicks, dwell, _, _ = _entity(feature, plan)
    measure = clicks if feature.by == "clicks" else dwell
    top = plan.over(feature.of, f"max(CASE WHEN {{}} THEN {measure} END)", "true")
    total = plan.over(feature.of, f"sum(CASE WHEN {{}} THEN {measure} END)", "true")
    return _number(_ratio(top, total), feature.missing)


@expression.register
def _(feature: ops.ClickedAtLeast, plan: Plan) -> str:
    clicks, _, first, last = _entity(feature, plan)
    extreme, order = ("min", first) if feature.at == "first" else ("max", last)
    row = f"named_struct('order', {order}, 'id', {feature.of})"
    return _category(
        f"{plan.over(feature.of, f'{extreme}(CASE WHEN {{}} THEN {row} END)', f'{clicks} >= {feature.k}')}.id"
    )


@expression.register
def _(feature: ops.Attribute, plan: Plan) -> str:
    if feature.of == "new_visitor":
        return _number("CASE WHEN first_session_index = 1 THEN 1 ELSE 0 END")
    column = f"first_{feature.of}"
    return _category(column) if feature.is_categorical() else _number(column)


def _distinct(kind: EntityKind, feature: ops._Filtered, plan: Plan) -> str:
    """Return the column with the number of items (categories, pairs) among the chosen events."""
    clicks = plan.count(where(feature, HAS_ENTITY[kind]))
    return plan.over(kind, "count(CASE WHEN {} THEN 1 END)", f"{clicks} > 0")


def _entity(feature: ops.TopK | ops.Share | ops.ClickedAtLeast, plan: Plan) -> tuple[str, str, str, str]:
    """Return the columns of an entity's clicks, dwell, first and last click."""
    chosen = where(feature, HAS_ENTITY[feature.of])
    return (
        plan.count(chosen),
        plan.add("sum", DWELL, chosen),
        plan.add("min", ORDER, chosen),
        plan.add("max", ORDER, chosen),
    )


def _largest(feature: ops.TopK, measure: str, where: str, plan: Plan) -> str:
    """Return the k-th largest of the entities' measures; null if there are fewer."""
    if feature.k == 1:
        return plan.over(feature.of, f"max(CASE WHEN {{}} THEN {measure} END)", where)
    every = plan.over(feature.of, f"sort_array(collect_list(CASE WHEN {{}} THEN {measure} END), false)", where)
    return f"get({every}, {feature.k - 1})"


def _ratio(numerator: str, denominator: str) -> str:
    """Return one division of whole numbers; null where either is missing or the denominator is 0."""
    return f"(CAST({numerator} AS DOUBLE) / nullif(CAST({denominator} AS DOUBLE), 0D))"


def _number(value: str, missing: float = 0.0) -> str:
    return f"coalesce(CAST({value} AS DOUBLE), {float(missing)!r}D)"


def _category(value: str) -> str:
    return f"coalesce({value}, '')"
