"""The operations once more, one session at a time in plain Python: written from the definitions, not from the SQL."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from leapline.features import operations as ops
from leapline.features.spec import FeatureSpec

EPOCH = datetime(1970, 1, 1)
Event = dict[str, Any]


def evaluate(events: list[Event], spec: FeatureSpec) -> dict[str, Any]:
    """All features of one session; `ts` is a naive UTC datetime."""
    ordered = [dict(e) for e in sorted(events, key=lambda e: (e["ts"], e["event_id"].encode()))]
    for number, event in enumerate(ordered):
        event["ms"] = (event["ts"] - EPOCH) // timedelta(milliseconds=1)
        event["number"] = number
        price, quantity = event["price"], event["quantity"]
        event["price"] = None if price is None or not abs(price) <= 1e9 else math.floor(price * 100 + 0.5)
        amount = None if event["price"] is None else event["price"] * (1 if quantity is None else quantity)
        event["amount"] = None if amount is None or abs(amount) > 10**11 else amount
    for event in ordered:
        after = [e["ms"] for e in ordered[event["number"] + 1 :] if e["kind"] != "page_ping"]
        event["dwell"] = (after[0] if after else ordered[-1]["ms"]) - event["ms"]
    return {feature.name: _VALUE[type(feature)](feature, ordered) for feature in spec.features}


def _chosen(feature: Any, events: list[Event]) -> list[Event]:
    return [
        e
        for e in events
        if (feature.kinds is None or e["kind"] in feature.kinds)
        and (feature.pages is None or e["page"] in feature.pages)
    ]


def _distinct(feature: Any, events: list[Event]) -> float:
    if feature.of == "item_category":
        return float(len({(e["item"], e["category"]) for e in _chosen(feature, events)} - {(None, None)}))
    return float(len({e[feature.of] for e in _chosen(feature, events)} - {None}))


def _repeats(feature: Any, events: list[Event]) -> float:
    return sum(e[feature.of] is not None for e in _chosen(feature, events)) - _distinct(feature, events)


def _span(feature: Any, events: list[Event]) -> float:
    times = [e["ms"] for e in _chosen(feature, events)]
    return (times[-1] - times[0]) / 1000 if times else 0.0


def _since(feature: Any, events: list[Event]) -> float:
    chosen = _chosen(feature, events)
    return (events[-1]["ms"] - chosen[-1]["ms"]) / 1000 if chosen else feature.missing


def _time_part(feature: Any, events: list[Event]) -> Any:
    moment = datetime.fromtimestamp(events[0 if feature.at == "first" else -1]["ms"] // 1000, UTC)
    if feature.part == "month_day":
        return moment.strftime("%m-%d")
    if feature.part == "month_day_hour":
        return moment.strftime("%m-%d-%H")
    parts = {
        "weekday": moment.weekday(),
        "second_of_day": moment.hour * 3600 + moment.minute * 60 + moment.second,
    }
    value = parts.get(feature.part, getattr(moment, feature.part, None))
    return str(value) if feature.categorical else float(value)


def _value(feature: Any, events: list[Event]) -> float:
    values = [e[feature.of] for e in _chosen(feature, events) if e[feature.of] is not None]
    scale = 1 if feature.of == "quantity" else 100
    if not values:
        return float(feature.missing)
    if feature.op == "mean":
        return sum(values) / (scale * len(values))
    return {"sum": sum, "min": min, "max": max, "last": lambda v: v[-1]}[feature.op](values) / scale  # type: ignore[operator]


def _cart_value(_: Any, events: list[Event]) -> float:
    signs = {"cart_add": 1, "cart_remove": -1}
    return sum(signs.get(e["kind"], 0) * (e["amount"] or 0) for e in events) / 100


def _dwell(feature: Any, events: list[Event]) -> float:
    dwells = [e["dwell"] for e in _chosen(feature, events)]
    if not dwells:
        return float(feature.missing)
    return {"total": sum(dwells) / 1000, "max": max(dwells) / 1000, "mean": sum(dwells) / (1000 * len(dwells))}[
        feature.stat
    ]


def _groups(feature: Any, events: list[Event]) -> dict[str, list[Event]]:
    groups: dict[str, list[Event]] = {}
    for event in _chosen(feature, events):
        if event[feature.of] is not None:
            groups.setdefault(event[feature.of], []).append(event)
    return groups


def _measure(by: str, group: list[Event]) -> int:
    return len(group) if by == "clicks" else sum(e["dwell"] for e in group)


def _fraction(feature: Any, events: list[Event]) -> float:
    whole = [e for e in events if e["kind"] in feature.among]
    return len(_chosen(feature, whole)) / len(whole) if whole else feature.missing


def _followed(feature: Any, events: list[Event]) -> float:
    count = 0
    for event in _chosen(feature, events):
        after = next((e for e in events[event["number"] + 1 :] if e["kind"] != "page_ping"), None)
        is_followed = (
            after is not None
            and (feature.next_kinds is None or after["kind"] in feature.next_kinds)
            and (feature.next_pages is None or after["page"] in feature.next_pages)
        )
        count += is_followed != feature.negate
    return float(count)


def _top_k(feature: Any, events: list[Event]) -> Any:
    groups = _groups(feature, events)
    other = "dwell" if feature.by == "clicks" else "clicks"
    ranked = sorted(
        groups,
        key=lambda g: (-_measure(feature.by, groups[g]), -_measure(other, groups[g]), groups[g][0]["number"]),
    )
    if len(ranked) < feature.k:
        return "" if feature.give == "id" else feature.missing
    top = groups[ranked[feature.k - 1]]
    prices = [e["price"] for e in top if e["price"] is not None]
    return {
        "id": ranked[feature.k - 1],
        "clicks": float(len(top)),
        "seconds": _measure("dwell", top) / 1000,
        "price": prices[-1] / 100 if prices else feature.missing,
    }[feature.give]


def _share(feature: Any, events: list[Event]) -> float:
    measures = [_measure(feature.by, group) for group in _groups(feature, events).values()]
    return max(measures) / sum(measures) if measures and sum(measures) else feature.missing


def _clicked_at_least(feature: Any, events: list[Event]) -> str:
    groups = {name: group for name, group in _groups(feature, events).items() if len(group) >= feature.k}
    if feature.at == "first":
        return min(groups, key=lambda g: groups[g][0]["number"], default="")
    return max(groups, key=lambda g: groups[g][-1]["number"], default="")


def _attribute(feature: Any, events: list[Event]) -> Any:
    first = events[0]
    if feature.of == "new_visitor":
        return float(first["session_index"] == 1)
    return (first[feature.of] or "") if feature.is_categorical() else float(first["session_index"] or 0)


_VALUE: dict[type, Callable[[Any, list[Event]], Any]] = {
    ops.Count: lambda feature, events: float(len(_chosen(feature, events))),
    ops.CountDistinct: _distinct,
    ops.Repeats: _repeats,
    ops.Fraction: _fraction,
    ops.Followed: _followed,
    ops.Span: _span,
    ops.Since: _since,
    ops.TimePart: _time_part,
    ops.Value: _value,
    ops.CartValue: _cart_value,
    ops.Dwell: _dwell,
    ops.TopK: _top_k,
    ops.Share: _share,
    ops.ClickedAtLeast: _clicked_at_least,
    ops.Attribute: _attribute,
}
