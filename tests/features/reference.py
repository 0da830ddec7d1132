"""A reference implementation of the operations in plain Python, one session at a time, written from the definitions."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from leapline.features import operations as ops
from leapline.features.spec import FeatureSpec

EPOCH = datetime(1970, 1, 1)
Event = dict[str, Any]


def before_checkout(events: list[Event]) -> list[Event]:
    """Return the events before the first sign of a checkout."""
    signs = [
        e["ts"]
        for e in events
        if e["kind"] in ("checkout", "purchase", "purchase_item") or e["page"] in ("checkout", "thanks")
    ]
    return [e for e in events if not signs or e["ts"] < min(signs)]


def evaluate(events: list[Event], spec: FeatureSpec) -> dict[str, Any]:
    """Return all features of one session; `ts` is a naive UTC datetime."""
    ordered = _prepared(events)
    return {feature.name: _of(feature, ordered, ordered, spec) for feature in spec.features}


def evaluate_pairs(events: list[Event], spec: FeatureSpec) -> dict[str, dict[str, Any]]:
    """Return item -> all features of the session-item pair."""
    ordered = _prepared(events)
    items = {e["item"] for e in ordered if e["kind"] in ("item_view", "cart_add", "cart_remove")} - {None}
    return {item: {f.name: _of_pair(f, item, ordered, spec) for f in spec.features} for item in items}


def _of_pair(feature: Any, item: str, session: list[Event], spec: FeatureSpec) -> Any:
    if isinstance(feature, ops.PairItem):
        return item
    of_item = [e for e in session if e["item"] == item]
    categories = {e["category"] for e in of_item} - {None}
    scopes = {"item": of_item, "categories": [e for e in session if e["category"] in categories], "session": session}
    return _of(feature, scopes[feature.scope or "item"], session, spec)


def _of(feature: Any, events: list[Event], session: list[Event], spec: FeatureSpec) -> Any:
    match feature:
        case ops.Relative():
            return _relative(feature, events, session)
        case ops.Popular():
            return _popular(feature, events, spec)
        case ops.Markov():
            return _markov(events, spec)
    return _VALUE[type(feature)](feature, events)


def _prepared(events: list[Event]) -> list[Event]:
    """Return the events sorted, with times in milliseconds, prices in cents, next event and dwell."""
    ordered = [dict(e) for e in sorted(events, key=lambda e: (e["ts"], e["event_id"].encode()))]
    for number, event in enumerate(ordered):
        event["ms"] = (event["ts"] - EPOCH) // timedelta(milliseconds=1)
        event["number"] = number
        price, quantity = event["price"], event["quantity"]
        event["price"] = None if price is None or not abs(price) <= 1e9 else math.floor(price * 100 + 0.5)
        amount = None if event["price"] is None else event["price"] * (1 if quantity is None else quantity)
        event["amount"] = None if amount is None or abs(amount) > 10**11 else amount
    for event in ordered:
        event["next"] = next((e for e in ordered[event["number"] + 1 :] if e["kind"] != "page_ping"), None)
        event["end"] = ordered[-1]["ms"]
        event["dwell"] = (event["next"]["ms"] if event["next"] else event["end"]) - event["ms"]
    return ordered


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
    return (chosen[-1]["end"] - chosen[-1]["ms"]) / 1000 if chosen else feature.missing


def _time_part(feature: Any, events: list[Event]) -> Any:
    chosen = _chosen(feature, events)
    if not chosen:
        return "" if feature.categorical else feature.missing
    moment = datetime.fromtimestamp(chosen[0 if feature.at == "first" else -1]["ms"] // 1000, UTC)
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
        after = event["next"]
        is_followed = (
            after is not None
            and (feature.next_kinds is None or after["kind"] in feature.next_kinds)
            and (feature.next_pages is None or after["page"] in feature.next_pages)
        )
        count += is_followed != feature.negate
    return float(count)


def _relative(feature: Any, events: list[Event], session: list[Event]) -> float:
    def measure(of: list[Event]) -> int:
        return _measure(feature.by, _chosen(feature, of))

    return measure(events) / measure(session) if measure(session) else feature.missing


def _popular(feature: Any, events: list[Event], spec: FeatureSpec) -> float:
    words = spec.vocabularies.get(feature.vocabulary, ())
    group = _groups(feature, events).get(words[feature.k - 1], []) if feature.k <= len(words) else []
    return float(len(group)) if feature.give == "clicks" else _measure("dwell", group) / 1000


def _markov(events: list[Event], spec: FeatureSpec) -> float:
    total, before = 0, "start"
    for event in events:
        state = event["kind"]
        if state == "page_view":
            state = f"{event['page'] if event['page'] in ops.PAGES else 'other'}_page"
        if state not in ("page_ping", "other"):
            total += spec.tables.get("markov", {}).get(before, {}).get(state, 0)  # type: ignore[call-overload]
            before = state
    return total / 1_000_000


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
